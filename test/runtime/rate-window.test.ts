import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateWindow, type Reservation, WINDOW_MS } from '../../src/runtime/rate-window.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';
import { seededRandom } from '../fakes/seeded-random.ts';

/** Begins as often as it may for so long, looking at random moments, and gives when it did. */
async function beginEagerly(rate: RateWindow, clock: FakeClock, durationMs: number): Promise<number[]> {
  const random = seededRandom(3);
  const beganAtMs: number[] = [];
  while (clock.monotonic() < durationMs) {
    while (rate.waitMs === 0) {
      rate.reserve().begin();
      beganAtMs.push(clock.monotonic());
    }
    await clock.advance(Math.min(rate.waitMs, seconds(0.4) * random()));
  }
  return beganAtMs;
}

for (const limit of [1, 3, 100]) {
  test(`${limit} may begin within any second, and almost ${limit} a second do`, async () => {
    const clock = new FakeClock();
    const beganAtMs = await beginEagerly(new RateWindow(limit, clock), clock, seconds(10));
    for (const [index, atMs] of beganAtMs.entries()) {
      assert.ok(atMs - (beganAtMs[index - limit] ?? -Infinity) >= seconds(1), `number ${index} at ${atMs} ms`);
    }
    assert.ok(beganAtMs.length >= 9.9 * limit - 1, `${beganAtMs.length} in ten seconds`);
  });
}

test('it says how long to wait, and not longer', async () => {
  const clock = new FakeClock();
  const rate = new RateWindow(2, clock);
  rate.reserve().begin();
  await clock.advance(300);
  rate.reserve().begin();
  assert.equal(rate.waitMs, WINDOW_MS - 300);
  await clock.advance(WINDOW_MS - 300);
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

test('what is reserved may begin late, and still no second sees more', async () => {
  const clock = new FakeClock();
  const rate = new RateWindow(10, clock);
  const random = seededRandom(5);
  const beganAtMs: number[] = [];
  const reserved: Reservation[] = [];
  while (clock.monotonic() < seconds(20)) {
    while (rate.waitMs === 0) reserved.push(rate.reserve());
    await clock.advance(seconds(0.2) * random());
    for (const reservation of reserved.splice(0, 5 * random())) {
      if (random() < 0.1) {
        reservation[Symbol.dispose]();
        continue;
      }
      reservation.begin();
      beganAtMs.push(clock.monotonic());
    }
  }
  for (const [index, atMs] of beganAtMs.entries()) {
    assert.ok(atMs - (beganAtMs[index - 10] ?? -Infinity) >= seconds(1), `number ${index} at ${atMs} ms`);
  }
  assert.ok(beganAtMs.length > 100, `${beganAtMs.length}`);
});

test('what was reserved for nothing, or begins twice, counts once or not at all', async () => {
  const clock = new FakeClock();
  const rate = new RateWindow(2, clock);
  const [unused, used] = [rate.reserve(), rate.reserve()];
  assert.equal(rate.waitMs, WINDOW_MS);
  unused[Symbol.dispose]();
  unused.begin();
  assert.equal(rate.waitMs, 0);
  used.begin();
  used.begin();
  used[Symbol.dispose]();
  assert.equal(rate.waitMs, 0);
  rate.reserve();
  assert.equal(rate.waitMs, WINDOW_MS);
});

test('the wall clock means nothing to it', async () => {
  const clock = new FakeClock();
  const rate = new RateWindow(1, clock);
  rate.reserve().begin();
  await clock.step(-seconds(3600));
  assert.equal(rate.waitMs, WINDOW_MS);
});
