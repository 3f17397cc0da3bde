import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateWindow } from '../../src/runtime/rate-window.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';
import { seededRandom } from '../fakes/seeded-random.ts';

/** Begins as often as it may for so long, looking at random moments, and gives when it did. */
async function beginEagerly(rate: RateWindow, clock: FakeClock, durationMs: number): Promise<number[]> {
  const random = seededRandom(3);
  const beganAtMs: number[] = [];
  while (clock.monotonic() < durationMs) {
    while (rate.waitMs === 0) {
      rate.begin();
      beganAtMs.push(clock.monotonic());
    }
    await clock.advance(Math.min(rate.waitMs, seconds(0.4) * random()));
  }
  return beganAtMs;
}

for (const limit of [1, 3, 100]) {
  test(`${limit} may begin within any second, and ${limit} a second do`, async () => {
    const clock = new FakeClock();
    const beganAtMs = await beginEagerly(new RateWindow(limit, clock), clock, seconds(10));
    for (const [index, atMs] of beganAtMs.entries()) {
      assert.ok(atMs - (beganAtMs[index - limit] ?? -Infinity) >= seconds(1), `number ${index} at ${atMs} ms`);
    }
    assert.ok(beganAtMs.length >= 10 * limit, `${beganAtMs.length} in ten seconds`);
  });
}

test('it says how long to wait, and not longer', async () => {
  const clock = new FakeClock();
  const rate = new RateWindow(2, clock);
  rate.begin();
  await clock.advance(300);
  rate.begin();
  assert.equal(rate.waitMs, 700);
  await clock.advance(700);
  assert.equal(rate.waitMs, 0);
});

test('a pause holds everything back; a shorter one does not end it', async () => {
  const clock = new FakeClock();
  const rate = new RateWindow(5, clock);
  rate.pause(seconds(10));
  rate.pause(seconds(1));
  assert.equal(rate.waitMs, seconds(10));
  await clock.advance(seconds(10));
  assert.equal(rate.waitMs, 0);
});

test('the wall clock means nothing to it', async () => {
  const clock = new FakeClock();
  const rate = new RateWindow(1, clock);
  rate.begin();
  await clock.step(-seconds(3600));
  assert.equal(rate.waitMs, seconds(1));
});
