import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readiness } from '../../src/telemetry/readiness.ts';

test('it is ready when every condition is met, and names those that are not', () => {
  const readiness = new Readiness();
  assert.deepEqual(
    readiness.unmet().map((condition) => condition.split(':')[0]),
    ['socket', 'ca', 'token-verifier'],
  );
  readiness.set('socket', true);
  readiness.set('ca', true);
  assert.deepEqual(readiness.unmet(), ['token-verifier: the token verifier cannot verify tokens yet']);
  readiness.set('token-verifier', true);
  assert.equal(readiness.ready, true);
  readiness.set('running', false);
  assert.deepEqual(readiness.unmet(), ['running: the agent is shutting down']);
});

test('a condition that is asked for is as true as at this moment', () => {
  let fresh = true;
  const readiness = ready({ secrets: () => fresh });
  assert.equal(readiness.ready, true);
  fresh = false;
  assert.equal(readiness.ready, false);
});

test('listeners hear each change once, also one that passing time made, until they are disposed', () => {
  let fresh = true;
  const readiness = new Readiness({ secrets: () => fresh });
  const heard: boolean[] = [];
  const listening = readiness.onChange(() => heard.push(readiness.ready));
  for (const condition of ['socket', 'ca', 'token-verifier', 'ca'] as const) readiness.set(condition, true);
  assert.deepEqual(heard, [true]);
  fresh = false;
  readiness.unmet();
  readiness.unmet();
  assert.deepEqual(heard, [true, false]);
  listening[Symbol.dispose]();
  fresh = true;
  readiness.unmet();
  assert.deepEqual(heard, [true, false]);
});

function ready(asked: ConstructorParameters<typeof Readiness>[0]): Readiness {
  const readiness = new Readiness(asked);
  for (const condition of ['socket', 'ca', 'token-verifier'] as const) readiness.set(condition, true);
  return readiness;
}
