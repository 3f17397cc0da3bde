import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IssuanceQueue, type Lane } from '../../src/cache/issuance-queue.ts';
import { RateWindow, WINDOW_MS } from '../../src/runtime/rate-window.ts';
import { FakeClock, seconds, settle } from '../fakes/fake-clock.ts';

/** A queue whose work is done when the test says so. */
class QueueWorld {
  readonly clock = new FakeClock();
  readonly queue: IssuanceQueue<string>;
  /** Keys in the order in which their work began. */
  readonly begun: string[] = [];
  readonly errors: unknown[] = [];
  readonly rate: RateWindow;
  /** Whether the work comes to asking the CA. */
  asks = true;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, () => void>();

  constructor(maxInFlight: number, maxPerSecond = 1000) {
    this.rate = new RateWindow(maxPerSecond, this.clock);
    this.queue = new IssuanceQueue({
      maxInFlight,
      rate: this.rate,
      work: (key, begin) => {
        this.begun.push(key);
        if (this.asks) begin();
        return new Promise((resolve) => this.#running.set(key, resolve));
      },
      onError: (thrown) => this.errors.push(thrown),
      clock: this.clock,
      signal: this.#stop.signal,
    });
  }

  addAll(lane: Lane, ...keys: string[]): void {
    for (const key of keys) this.queue.add(key, lane);
  }

  /** Ends what runs, and what that lets begin, until nothing does. */
  async finishAll(): Promise<void> {
    while (this.#running.size > 0) await this.finishOne();
  }

  async finishOne(): Promise<void> {
    const [[key, finish] = ['', () => undefined]] = this.#running;
    this.#running.delete(key);
    finish();
    await settle();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const finish of this.#running.values()) finish();
    await this.queue.settled();
  }
}

test('who waits comes first, and every fourth is one of those that are still good', async () => {
  const world = new QueueWorld(1);
  world.addAll('background', 'b1', 'b2', 'b3');
  world.addAll('foreground', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7');
  await world.finishAll();
  assert.deepEqual(world.begun, ['b1', 'f1', 'f2', 'f3', 'b2', 'f4', 'f5', 'f6', 'b3', 'f7']);
});

test('a stream of newcomers that never ends does not starve the renewals', async () => {
  const world = new QueueWorld(2);
  world.addAll('background', ...Array.from({ length: 20 }, (_, index) => `old ${index}`));
  for (let number = 0; number < 100; number++) {
    world.addAll('foreground', `new ${number} a`, `new ${number} b`);
    await world.finishOne();
  }
  assert.equal(world.begun.filter((key) => key.startsWith('old')).length, 20);
  await world.finishAll();
  await world.stop();
});

test('newcomers do not pay for a background that was empty', async () => {
  const world = new QueueWorld(1);
  world.addAll('foreground', 'f1', 'f2', 'f3', 'f4', 'f5');
  for (let number = 0; number < 4; number++) await world.finishOne();
  world.addAll('background', 'b1');
  world.addAll('foreground', 'f6', 'f7');
  await world.finishAll();
  assert.deepEqual(world.begun, ['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'b1']);
});

test('no more begin within a second than allowed, however fast they end, and none is forgotten', async () => {
  const world = new QueueWorld(8, 10);
  world.addAll('foreground', ...Array.from({ length: 25 }, (_, index) => `${index}`));
  await world.finishAll();
  assert.equal(world.begun.length, 10);
  await world.clock.advance(WINDOW_MS - 1);
  assert.equal(world.begun.length, 10);
  await world.clock.advance(1);
  await world.finishAll();
  assert.equal(world.begun.length, 20);
  await world.clock.advance(WINDOW_MS);
  await world.finishAll();
  assert.equal(world.begun.length, 25);
  assert.equal(world.clock.sleeping, 0, 'nobody waits, so no timer runs');
});

test('work that never asks the CA does not count for the rate', async () => {
  const world = new QueueWorld(8, 10);
  world.asks = false;
  world.addAll('background', ...Array.from({ length: 25 }, (_, index) => `${index}`));
  await world.finishAll();
  assert.equal(world.begun.length, 25);
});

test('one timer is enough, however many wait', async () => {
  const world = new QueueWorld(8, 1);
  world.addAll('background', ...Array.from({ length: 500 }, (_, index) => `${index}`));
  await settle();
  assert.equal(world.clock.sleeping, 1);
  assert.equal(world.queue.waiting, 499);
  await world.stop();
  assert.equal(world.clock.sleeping, 0);
});

test('a pause that is prolonged is waited for', async () => {
  const world = new QueueWorld(8);
  world.rate.pause(seconds(5));
  world.addAll('foreground', 'web');
  await world.clock.advance(seconds(4));
  world.rate.pause(seconds(5));
  await world.clock.advance(seconds(4));
  assert.deepEqual(world.begun, []);
  await world.clock.advance(seconds(1));
  assert.deepEqual(world.begun, ['web']);
  await world.stop();
});

test('one that was wanted in the foreground stays there while it is being worked on', async () => {
  const world = new QueueWorld(1);
  world.addAll('foreground', 'web');
  world.addAll('background', 'old');
  world.addAll('foreground', 'web');
  world.addAll('background', 'web');
  await world.finishAll();
  assert.deepEqual(world.begun, ['web', 'web', 'old']);
});

test('nothing begins after the end', async () => {
  const world = new QueueWorld(1);
  world.addAll('foreground', 'a', 'b');
  await world.stop();
  world.addAll('foreground', 'c');
  assert.deepEqual(world.begun, ['a']);
});
