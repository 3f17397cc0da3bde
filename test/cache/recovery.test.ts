import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hours, minutes, seconds } from '../fakes/fake-clock.ts';
import { CacheWorld, type Listener } from './cache-world.ts';

const IDENTITIES = 500;
const LIMITS = { maxInFlight: 8, maxPerSecond: 100 };

/** Lets time pass until everybody has what they wait for; fails after ten minutes. */
async function advanceUntil(world: CacheWorld, isDone: () => boolean): Promise<void> {
  const giveUpMs = world.clock.monotonic() + minutes(10);
  while (!isDone()) {
    assert.ok(world.clock.monotonic() < giveUpMs, 'ten minutes were not enough');
    await world.clock.advance(50);
  }
}

/** So many Envoys with two streams each, all within a second, as after a restart of the agent. */
async function connectHerd(world: CacheWorld, identities: number): Promise<Listener[]> {
  const listeners: Listener[] = [];
  for (let index = 0; index < identities; index++) {
    const caller = world.caller(`w${index}`);
    listeners.push(world.listen(caller), world.listen(caller));
    if (index % (identities / 10) === 0) await world.clock.advance(seconds(0.1));
  }
  return listeners;
}

function assertGentle({ faulty }: CacheWorld): void {
  assert.ok(faulty.mostInFlight <= LIMITS.maxInFlight, `${faulty.mostInFlight} at once`);
  assert.ok(faulty.mostWithinASecond() <= LIMITS.maxPerSecond, `${faulty.mostWithinASecond()} within a second`);
}

test('a herd of 500 identities is served with one request each, no more at once or in a second than allowed', async () => {
  await using world = await CacheWorld.start(LIMITS);
  world.faulty.delayMs = 20;
  const listeners = await connectHerd(world, IDENTITIES);
  await advanceUntil(world, () => listeners.every(({ served }) => served !== undefined));
  assert.equal(world.ca.requests.length, IDENTITIES);
  assert.ok(listeners.every(({ changes }) => changes === 1));
  assertGentle(world);
});

test('after an outage 500 identities that are due are renewed within minutes, gently, newcomers before them', async () => {
  await using world = await CacheWorld.start({ ...LIMITS, jitter: 0, ttlMs: hours(1) });
  const listeners = await connectHerd(world, IDENTITIES);
  await advanceUntil(world, () => listeners.every(({ served }) => served !== undefined));
  world.faulty.fault = 'down';
  await world.clock.advance(minutes(32));
  assert.ok(world.cache.identities().every(({ state }) => state !== 'ready'));
  world.faulty.fault = undefined;
  world.faulty.delayMs = 20;
  world.faulty.askedAtMs.length = 0;

  const newcomer = world.listen(world.caller('new'));
  await world.clock.advance(seconds(3));
  assert.notEqual(newcomer.served, undefined);
  await advanceUntil(world, () => listeners.every(({ changes }) => changes === 2));
  assertGentle(world);
  assert.equal(world.ca.requests.length, 2 * IDENTITIES + 1);
});

test('a renewal of all waits for the turn of the last, however slowly the CA may be asked', async () => {
  await using world = await CacheWorld.start({ maxPerSecond: 1 });
  for (let index = 0; index < 90; index++) world.listen(world.caller(`w${index}`));
  await advanceUntil(world, () => world.renewals.length === 90);
  const renewed = world.cache.renew('all', new AbortController().signal);
  await advanceUntil(world, () => world.renewals.length === 180);
  assert.equal((await renewed).length, 90);
});

test('a CA that is overloaded and says so is asked by few until it wants to be', async () => {
  await using world = await CacheWorld.start(LIMITS);
  world.faulty.capacityPerSecond = 0;
  world.faulty.retryAfterMs = seconds(30);
  world.faulty.delayMs = 20;
  const listeners = await connectHerd(world, 100);
  await world.clock.advance(seconds(29));
  assert.ok(world.faulty.askedAtMs.length <= LIMITS.maxInFlight, `${world.faulty.askedAtMs.length} requests`);
  world.faulty.capacityPerSecond = 50;
  world.faulty.retryAfterMs = seconds(1);
  await advanceUntil(world, () => listeners.every(({ served }) => served !== undefined));
});
