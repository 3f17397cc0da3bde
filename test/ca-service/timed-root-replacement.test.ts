import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimedRootReplacement } from '../../src/ca-service/timed-root-replacement.ts';
import { FakeClock, hours, minutes } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';

const never = new AbortController().signal;

async function newReplacement() {
  const clock = new FakeClock();
  const ca = await MemoryCa.create(clock);
  return { clock, ca, replacement: new TimedRootReplacement(ca, hours(24), clock) };
}

test('each step waits until every certificate from before it has expired', async () => {
  const { clock, ca, replacement } = await newReplacement();
  const steps: string[] = [];
  const done = replacement.run((step) => steps.push(step), never);
  await clock.advance(hours(24));
  assert.equal(ca.rootStage, 'staged');
  await clock.advance(minutes(1));
  assert.equal(ca.rootStage, 'switched');
  await clock.advance(hours(24));
  assert.equal(ca.rootStage, 'switched');
  await clock.advance(minutes(1));
  await done;
  assert.equal(ca.rootStage, 'single');
  assert.deepEqual(steps, [
    'making a new root',
    'waiting until every agent has been told both roots: 2030-01-02T00:01:00Z',
    'waiting until no certificate of the old root is left: 2030-01-03T00:02:00Z',
    'retiring the old root',
  ]);
});

test('one that was broken off is resumed where it was, and waits anew', async () => {
  const { clock, ca, replacement } = await newReplacement();
  const interrupt = new AbortController();
  const broken = assert.rejects(
    replacement.run(() => undefined, interrupt.signal),
    { code: 'request-cancelled' },
  );
  await clock.advance(hours(23));
  interrupt.abort();
  await broken;
  assert.equal(ca.rootStage, 'staged');
  const done = replacement.run(() => undefined, never);
  await clock.advance(hours(24));
  assert.equal(ca.rootStage, 'staged');
  await clock.advance(hours(25));
  await done;
  assert.equal(ca.rootStage, 'single');
  assert.equal(clock.sleeping, 0);
});

test('two do not run at once', async () => {
  const { clock, replacement } = await newReplacement();
  const done = replacement.run(() => undefined, never);
  await assert.rejects(
    replacement.run(() => undefined, never),
    { code: 'limit-exceeded' },
  );
  await clock.advance(hours(49));
  await done;
});
