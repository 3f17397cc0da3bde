import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Failure, pauseMs, RETRY_RULES, retryDelayMs } from '../../src/cache/retry-policy.ts';
import { AgentError } from '../../src/core/agent-error.ts';
import { hours, minutes, seconds } from '../fakes/fake-clock.ts';

const ALMOST_ONE = 1 - 2 ** -53;

interface Row extends Partial<Omit<Failure, 'error'>> {
  readonly what: string;
  readonly code: AgentError['code'];
  readonly retryAfterMs?: number;
  /** The longest wait that can be drawn; the shortest is a tenth of it. */
  readonly stepMs: number;
  readonly leastMs?: number;
}

const TABLE: readonly Row[] = [
  { what: 'the first failure of a CA that is down', code: 'ca-unavailable', stepMs: seconds(1) },
  { what: 'its third', code: 'ca-unavailable', failures: 3, stepMs: seconds(4) },
  { what: 'its hundredth', code: 'ca-unavailable', failures: 100, stepMs: minutes(1) },
  { what: 'a CA that hangs', code: 'ca-timeout', stepMs: seconds(2) },
  { what: 'a CA that is overloaded', code: 'ca-overloaded', failures: 20, stepMs: minutes(2) },
  { what: 'a refused token', code: 'ca-token-rejected', stepMs: seconds(30) },
  { what: 'a refused caller, for long', code: 'ca-permission-denied', failures: 9, stepMs: minutes(10) },
  { what: 'a refused request', code: 'ca-request-refused', stepMs: seconds(30) },
  { what: 'a wrong answer', code: 'ca-answer-invalid', failures: 9, stepMs: minutes(5) },
  { what: 'a broken state', code: 'ca-state-broken', stepMs: seconds(30) },
  { what: 'a bug', code: 'internal', stepMs: seconds(30) },
  {
    what: 'a CA that says when to come back',
    code: 'ca-overloaded',
    retryAfterMs: minutes(20),
    stepMs: minutes(20),
    leastMs: minutes(20),
  },
  {
    what: 'a CA that says so, and sooner than we would',
    code: 'ca-overloaded',
    failures: 20,
    retryAfterMs: seconds(30),
    stepMs: minutes(2),
    leastMs: seconds(30),
  },
  {
    what: 'a CA that wants to be left alone for a year',
    code: 'ca-unavailable',
    retryAfterMs: hours(8760),
    stepMs: hours(1),
    leastMs: hours(1),
  },
  { what: 'a time to come back that is none', code: 'ca-unavailable', retryAfterMs: NaN, stepMs: seconds(1) },
  { what: 'a time to come back in the past', code: 'ca-unavailable', retryAfterMs: -hours(1), stepMs: seconds(1) },
  {
    what: 'a refusal with an hour of life left',
    code: 'ca-permission-denied',
    failures: 9,
    lifeLeftMs: hours(1),
    stepMs: minutes(6),
  },
  {
    what: 'an outage with ten seconds of life left',
    code: 'ca-unavailable',
    failures: 9,
    lifeLeftMs: seconds(10),
    stepMs: seconds(1),
  },
];

for (const { what, code, failures = 1, lifeLeftMs, retryAfterMs, stepMs, leastMs = stepMs / 10 } of TABLE) {
  test(`after ${what} the wait is ${leastMs / 1000} to ${stepMs / 1000} seconds`, () => {
    const error = new AgentError(code, 'no', retryAfterMs === undefined ? {} : { retryAfterMs });
    const draw = (random: number): number => retryDelayMs({ error, failures, lifeLeftMs }, random);
    assert.ok(Math.abs(draw(0) - leastMs) < 1, `${draw(0)}`);
    assert.ok(Math.abs(draw(ALMOST_ONE) - stepMs) < 1, `${draw(ALMOST_ONE)}`);
  });
}

test('every kind of failure has its row, and none waits longer than ten minutes by itself', () => {
  for (const [code, { firstMs, longestMs }] of Object.entries(RETRY_RULES)) {
    assert.ok(firstMs >= seconds(1) && firstMs < longestMs && longestMs <= minutes(10), code);
  }
});

test('an API server that asks to come back later holds up no request to the CA', () => {
  const details = { retryAfterMs: seconds(10) };
  assert.equal(pauseMs(new AgentError('token-source-unavailable', 'later', details)), 0);
  assert.equal(pauseMs(new AgentError('ca-overloaded', 'later', details)), seconds(10));
});
