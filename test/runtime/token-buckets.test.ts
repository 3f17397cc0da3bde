import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBuckets } from '../../src/runtime/token-buckets.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';

test('a key has its burst at once and then its rate, whatever the others take', async () => {
  const clock = new FakeClock();
  const buckets = new TokenBuckets<string>({ perSecond: 2, burst: 3, clock });
  const takeAll = (key: string): number => {
    let taken = 0;
    while (buckets.take(key)) taken++;
    return taken;
  };
  assert.equal(takeAll('a'), 3);
  assert.equal(takeAll('b'), 3);
  await clock.advance(499);
  assert.equal(takeAll('a'), 0);
  await clock.advance(1);
  assert.equal(takeAll('a'), 1);
  await clock.advance(seconds(60));
  assert.equal(takeAll('a'), 3);
});

test('what is reserved comes one after the other', async () => {
  const clock = new FakeClock();
  const buckets = new TokenBuckets<string>({ perSecond: 100, burst: 2, clock });
  assert.deepEqual(
    [1, 2, 3, 4].map(() => buckets.reserve('a')),
    [0, 0, 10, 20],
  );
  await clock.advance(15);
  assert.equal(buckets.reserve('a'), 15);
  assert.equal(buckets.take('a'), false);
});

test('keys that have not been used for a while are forgotten', async () => {
  const clock = new FakeClock();
  const buckets = new TokenBuckets<number>({ perSecond: 1, burst: 1, clock });
  for (let key = 0; key < 100_000; key++) {
    buckets.take(key);
    if (key % 10 === 0) await clock.advance(100);
  }
  assert.ok(buckets.size < 1000, `${buckets.size}`);
});

test('within any time no key takes more than its burst and what has come back meanwhile', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 300 })), {
    maxLength: 300,
  });
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      async (taken, rate, burst) => {
        const clock = new FakeClock();
        const buckets = new TokenBuckets<string>({ perSecond: rate, burst, clock });
        const counts = new Map<string, number>();
        const startMs = clock.monotonic();
        for (const [key, waitMs] of taken) {
          if (buckets.take(key)) counts.set(key, (counts.get(key) ?? 0) + 1);
          const most = burst + (rate * (clock.monotonic() - startMs)) / 1000;
          assert.ok((counts.get(key) ?? 0) <= most + 1e-6);
          await clock.advance(waitMs);
        }
      },
    ),
    { numRuns: 50 },
  );
});
