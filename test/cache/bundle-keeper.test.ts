import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { FakeClock, hours, minutes, settle } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { CacheWorld } from './cache-world.ts';

const DOWN = new AgentError('ca-unavailable', 'the CA is down');

test('the bundle is there before anybody asks, and each listener finds it', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listenToBundle();
  assert.equal(listener.last?.kind, 'bundle');
  assert.equal(listener.changes, 0);
});

test('roots that stay the same are pushed to nobody, however often they are read', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listenToBundle();
  await world.clock.advance(hours(5));
  assert.equal(listener.changes, 0);
  assert.ok(world.ca.rootRequests > 20);
});

test('a changed bundle is pushed once to each bundle listener and to no certificate listener', async () => {
  await using world = await CacheWorld.start();
  const bundles = [world.listenToBundle(), world.listenToBundle()];
  const certificate = world.listen(world.caller('web'));
  await settle();
  const other = await MemoryCa.create(new FakeClock());
  world.ca.addRoots([other.rootDer]);
  await settle();
  assert.deepEqual(
    bundles.map(({ changes }) => changes),
    [1, 1],
  );
  assert.equal(certificate.changes, 1);
  assert.equal(world.bundles.bundle?.rootCount, 2);
});

test('the bundle of every trust domain changes with its only part', async () => {
  await using world = await CacheWorld.start();
  const before = world.bundles.allBundles;
  world.ca.addRoots([(await MemoryCa.create(new FakeClock())).rootDer]);
  await settle();
  assert.equal(before?.bundles.length, 1);
  assert.notEqual(world.bundles.allBundles?.version, before?.version);
});

test('another trust domain has no bundle here', async () => {
  await using world = await CacheWorld.start();
  assert.equal(world.cache.peek({ kind: 'bundle', trustDomain: 'elsewhere.example' }), undefined);
});

test('a CA that is down takes no bundle away', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listenToBundle();
  world.ca.failWith(DOWN);
  await world.clock.advance(hours(3));
  assert.equal(listener.served, listener.last);
});

test('a CA with new roots again and again is pushed ten times a minute at most, and all of them in the end', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listenToBundle();
  const add = async (): Promise<void> => {
    world.ca.addRoots([(await MemoryCa.create(new FakeClock())).rootDer]);
    await settle();
  };
  for (let change = 0; change < 25; change++) await add();
  // The first bundle was one of the ten.
  assert.equal(listener.changes, 9);
  assert.equal(world.bundles.bundle?.rootCount, 10);
  assert.equal(world.log.events.filter(({ message }) => /again and again/.test(message)).length, 1);
  await world.clock.advance(minutes(10));
  assert.equal(listener.changes, 10);
  assert.equal(world.bundles.bundle?.rootCount, 26);
});

test('more roots than are trusted together replace nothing', async () => {
  await using world = await CacheWorld.start();
  const { bundle } = world.bundles;
  const many = await Promise.all(Array.from({ length: 101 }, () => MemoryCa.create(new FakeClock())));
  world.ca.addRoots(many.map(({ rootDer }) => rootDer));
  await world.clock.advance(minutes(30));
  assert.equal(world.bundles.bundle, bundle);
});

test('roots that cannot be used replace nothing', async () => {
  await using world = await CacheWorld.start();
  const { bundle } = world.bundles;
  world.ca.roots = async () => [new Uint8Array([1, 2, 3])];
  await world.clock.advance(minutes(30));
  assert.equal(world.bundles.bundle, bundle);
  assert.match(JSON.stringify(world.log.events.map(({ message }) => message)), /no roots from the CA/);
});

test('a certificate under a root that the CA has changed to is served, after the bundle', async () => {
  await using world = await CacheWorld.start();
  const order: string[] = [];
  const bundle = world.listenToBundle();
  world.bundles.audience.join(
    { changed: () => order.push('bundle'), reauthenticate: () => undefined },
    () => undefined,
  );
  // The CA says nothing of the change: the first certificate tells of it.
  world.ca.watchRoots = async function* () {};
  await world.ca.replaceRoot();
  const caller = world.caller('web');
  world.cache.subscribe(
    { kind: 'certificate', caller },
    { changed: () => order.push('certificate'), reauthenticate: () => undefined },
  );
  await settle();
  assert.deepEqual(order, ['bundle', 'certificate']);
  assert.equal(bundle.changes, 1);
});

test('a CA that has told of no root yet is reached, is asked calmly, and there is no bundle', async () => {
  await using world = await CacheWorld.start({ lateRoots: true });
  const listener = world.listenToBundle();
  assert.equal(world.bundles.isCaReached, true);
  await world.clock.advance(hours(1));
  assert.ok(world.ca.rootRequests < 10, `asked ${world.ca.rootRequests} times`);
  assert.deepEqual(world.log.events, []);
  assert.equal(world.retries, 0);
  assert.equal(listener.served, undefined);
});

test('who gives up reading the roots takes them away from nobody else who waits for them', async () => {
  await using world = await CacheWorld.start({ lateRoots: true });
  world.ca.hold();
  const [first, second] = [new AbortController(), new AbortController()];
  const asked = world.ca.rootRequests;
  const given = assert.rejects(world.bundles.refresh(first.signal), { code: 'ca-timeout' });
  const waiting = world.bundles.refresh(second.signal);
  first.abort();
  await given;
  world.ca.release();
  assert.deepEqual(await waiting, []);
  assert.equal(world.ca.rootRequests, asked + 1);
});

test('a CA that does not answer is not reached until it does', async () => {
  await using world = await CacheWorld.start({ lateRoots: true, caFailure: DOWN });
  assert.equal(world.bundles.isCaReached, false);
  world.ca.failWith(undefined);
  await world.clock.advance(minutes(1));
  assert.equal(world.bundles.isCaReached, true);
});

test('roots that come with the first certificate are pushed once, before it is', async () => {
  await using world = await CacheWorld.start({ lateRoots: true });
  const order: string[] = [];
  const subscriber = (what: string) => ({ changed: () => order.push(what), reauthenticate: () => undefined });
  world.cache.subscribe({ kind: 'bundle', trustDomain: 'cluster.local' }, subscriber('bundle'));
  world.cache.subscribe({ kind: 'certificate', caller: world.caller('web') }, subscriber('certificate'));
  await settle();
  assert.deepEqual(order, ['bundle', 'certificate']);
});

test('a CA that tells of no root later takes no bundle away', async () => {
  await using world = await CacheWorld.start();
  const { bundle } = world.bundles;
  world.ca.roots = async () => [];
  await world.clock.advance(hours(1));
  assert.equal(world.bundles.bundle, bundle);
});
