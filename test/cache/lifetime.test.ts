import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewAtMs } from '../../src/cache/lifetime.ts';
import { days, hours, seconds } from '../fakes/fake-clock.ts';
import { seededRandom } from '../fakes/seeded-random.ts';

const START = Date.UTC(2030, 0, 1);

const TABLE = [
  { what: 'half of a day', lifeMs: hours(24), ratio: 0.5, jitter: 0, random: 0.9, afterMs: hours(12) },
  { what: 'a tenth left', lifeMs: hours(10), ratio: 0.1, jitter: 0, random: 0.1, afterMs: hours(9) },
  { what: 'the earliest draw', lifeMs: hours(20), ratio: 0.5, jitter: 0.05, random: 0.999999999, afterMs: hours(9) },
  { what: 'the latest draw', lifeMs: hours(20), ratio: 0.5, jitter: 0.05, random: 0, afterMs: hours(11) },
  { what: 'a year', lifeMs: days(366), ratio: 0.5, jitter: 0, random: 0.5, afterMs: days(183) },
  { what: 'hardly any life', lifeMs: seconds(0.1), ratio: 0.5, jitter: 0, random: 0.5, afterMs: seconds(1) },
  { what: 'no life at all', lifeMs: 0, ratio: 0.5, jitter: 0, random: 0.5, afterMs: seconds(1) },
  { what: 'jitter beyond its beginning', lifeMs: hours(10), ratio: 0.9, jitter: 0.5, random: 0.9, afterMs: hours(0.5) },
  { what: 'jitter beyond its end', lifeMs: hours(10), ratio: 0.1, jitter: 0.5, random: 0.1, afterMs: hours(9.5) },
];

for (const { what, lifeMs, ratio, jitter, random, afterMs } of TABLE) {
  test(`a certificate with ${what} is renewed after ${afterMs / 3_600_000} hours`, () => {
    const dueMs = renewAtMs(START, START + lifeMs, { ratio, jitter }, random);
    assert.ok(Math.abs(dueMs - START - afterMs) < 1, `${dueMs - START}`);
  });
}

test('a thousand certificates issued together are renewed over most of the window, and never outside of it', () => {
  const random = seededRandom(7);
  const policy = { ratio: 0.5, jitter: 0.05 };
  const due = Array.from({ length: 1000 }, () => renewAtMs(START, START + hours(24), policy, random()) - START);
  const windowMs = hours(24) * 2 * policy.jitter;
  assert.ok(Math.max(...due) - Math.min(...due) >= 0.8 * windowMs);
  assert.ok(Math.min(...due) >= hours(12) - windowMs / 2);
  assert.ok(Math.max(...due) <= hours(12) + windowMs / 2);
});
