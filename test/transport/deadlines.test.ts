import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadlines, NEVER, TimeLimit } from '../../src/transport/deadlines.ts';
import { FakeClock, minutes, seconds } from '../fakes/fake-clock.ts';

function setUp(): { clock: FakeClock; deadlines: Deadlines; limit: () => TimeLimit; expired: number[] } {
  const clock = new FakeClock();
  const startMs = clock.now();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  const limit = (): TimeLimit => new TimeLimit(deadlines, { expired: (nowMs) => expired.push(nowMs - startMs) });
  return { clock, deadlines, limit, expired };
}

test('limits expire in their order, each at its time', async () => {
  const { clock, limit, expired } = setUp();
  for (const at of [30, 10, 20]) limit().set(clock.now() + seconds(at));
  await clock.advance(minutes(1));
  assert.deepEqual(expired, [seconds(10), seconds(20), seconds(30)]);
  assert.equal(clock.sleeping, 0);
});

test('a limit that is put off expires at the later time, one that is lifted never', async () => {
  const { clock, limit, expired } = setUp();
  const [later, lifted, removed] = [limit(), limit(), limit()];
  for (const each of [later, lifted, removed]) each.set(clock.now() + seconds(10));
  later.set(clock.now() + seconds(40));
  lifted.set(NEVER);
  removed.remove();
  await clock.advance(minutes(1));
  assert.deepEqual(expired, [seconds(40)]);
});

test('a limit that comes nearer wakes the sleep', async () => {
  const { clock, limit, expired } = setUp();
  const one = limit();
  one.set(clock.now() + minutes(10));
  one.set(clock.now() + seconds(1));
  await clock.advance(seconds(2));
  assert.deepEqual(expired, [seconds(1)]);
});

test('a limit can be set again after it expired', async () => {
  const { clock, limit, expired } = setUp();
  const one = limit();
  one.set(clock.now() + seconds(1));
  await clock.advance(seconds(5));
  one.set(clock.now() + seconds(1));
  await clock.advance(seconds(5));
  assert.deepEqual(expired, [seconds(1), seconds(6)]);
});

test('ten thousand limits sleep once', () => {
  const { clock, limit } = setUp();
  for (let index = 0; index < 10_000; index++) limit().set(clock.now() + minutes(1) + index);
  assert.equal(clock.sleeping, 1);
});

test('after the end nothing sleeps and nothing expires', async () => {
  const { clock, deadlines, limit, expired } = setUp();
  limit().set(clock.now() + seconds(1));
  deadlines[Symbol.dispose]();
  limit().set(clock.now() + seconds(1));
  await clock.advance(minutes(1));
  assert.deepEqual(expired, []);
  assert.equal(clock.sleeping, 0);
});
