import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  asked,
  type CircuitBreaker,
  CLOSED,
  failed,
  givenUp,
  isAdmitted,
} from '../../src/ca-providers/failover/circuit-breaker.ts';

const NOW_MS = 1_000_000;
const failure = (retryAfterMs?: number) => ({ nowMs: NOW_MS, retryAfterMs, random: 1 });
const closed = (failures: number): CircuitBreaker => ({ state: 'closed', failures });
const open = (trips: number, inMs: number): CircuitBreaker => ({ state: 'open', trips, probeAtMs: NOW_MS + inMs });
const halfOpen = (trips: number): CircuitBreaker => ({ state: 'half-open', trips });

const transitions: readonly (readonly [name: string, found: CircuitBreaker, wanted: CircuitBreaker])[] = [
  ['a first failure is only counted', failed(CLOSED, failure()), closed(1)],
  ['a second failure too', failed(closed(1), failure()), closed(2)],
  ['a third failure opens it', failed(closed(2), failure()), open(1, 5000)],
  ['it stays open for as long as the CA asked', failed(closed(2), failure(30_000)), open(1, 30_000)],
  ['it stays open for its own time when the CA asked for less', failed(closed(2), failure(10)), open(1, 5000)],
  ['another failure while it is open changes nothing', failed(open(1, 900), failure()), open(1, 900)],
  ['a request during the cool-down changes nothing', asked(open(1, 1), NOW_MS), open(1, 1)],
  ['a request after the cool-down is the probe', asked(open(1, 0), NOW_MS), halfOpen(1)],
  ['a request while it is closed is none', asked(closed(2), NOW_MS), closed(2)],
  ['a request while another probes is none', asked(halfOpen(1), NOW_MS), halfOpen(1)],
  ['a probe that fails doubles the cool-down', failed(halfOpen(1), failure()), open(2, 10_000)],
  ['and doubles it again', failed(halfOpen(2), failure()), open(3, 20_000)],
  ['but not beyond a minute', failed(halfOpen(50), failure()), open(51, 60_000)],
  ['a probe that was given up leaves the next request to be one', givenUp(halfOpen(2), NOW_MS), open(2, 0)],
  ['a request that was given up is no failure', givenUp(closed(2), NOW_MS), closed(2)],
  ['nor does it end a cool-down', givenUp(open(1, 900), NOW_MS), open(1, 900)],
];
for (const [name, found, wanted] of transitions) {
  test(`circuit breaker: ${name}`, () => assert.deepEqual(found, wanted));
}

const admissions: readonly (readonly [name: string, breaker: CircuitBreaker, admitted: boolean])[] = [
  ['closed', CLOSED, true],
  ['closed after two failures', closed(2), true],
  ['open', open(1, 1), false],
  ['open when the cool-down is over', open(1, 0), true],
  ['half-open', halfOpen(1), false],
];
for (const [name, breaker, admitted] of admissions) {
  test(`circuit breaker: a request in its turn is ${admitted ? '' : 'not '}let through while it is ${name}`, () => {
    assert.equal(isAdmitted(breaker, NOW_MS), admitted);
  });
}

test('circuit breaker: cool-downs are spread, so that agents do not probe together', () => {
  const inMs = [0, 0.5, 0.999].map((random) => {
    const breaker = failed(closed(2), { ...failure(), random });
    return breaker.state === 'open' ? Math.round(breaker.probeAtMs - NOW_MS) : undefined;
  });
  assert.deepEqual(inMs, [500, 2750, 4996]);
});
