import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { Secret } from '../../src/core/secret.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { parsePem } from '../../src/keys/pem.ts';
import { days, FakeClock, hours, minutes, seconds, settle } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { CacheWorld, idOf } from './cache-world.ts';

const never = new AbortController().signal;

/** The roots of a bundle, as hex, sorted. */
function rootsIn(secret: Secret | undefined): string[] {
  assert.equal(secret?.kind, 'bundle');
  return parsePem(secret.rootsPem.toString(), 'CERTIFICATE').map(toHex);
}

function toHex(der: Uint8Array): string {
  return Buffer.from(der).toString('hex');
}

/** A root that expires after so long. */
async function rootThatLasts(world: CacheWorld, durationMs: number): Promise<Uint8Array> {
  const { rootDer } = await MemoryCa.create(new FakeClock(world.clock.now() - days(3650) + durationMs));
  assert.equal(parseCertificate(rootDer).notAfterMs, world.clock.now() + durationMs);
  return rootDer;
}

test('after a change both roots are trusted, until the last certificate of the old one is replaced', async () => {
  await using world = await CacheWorld.start();
  const bundle = world.listenToBundle();
  const names = ['a', 'b', 'c'];
  for (const name of names) world.listen(world.caller(name));
  await settle();
  const old = world.ca.rootDer;
  await world.ca.replaceRoot();
  await settle();
  const both = [old, world.ca.rootDer].map(toHex).sort();
  assert.deepEqual(rootsIn(bundle.served), both);
  assert.equal(bundle.changes, 1, 'pushed once');
  for (const name of names) {
    await world.clock.advance(minutes(30));
    assert.deepEqual(rootsIn(bundle.served), both, `${name} still has the old one`);
    await world.cache.renew({ spiffeId: idOf(name) }, never);
  }
  await world.clock.advance(seconds(59));
  assert.deepEqual(rootsIn(bundle.served), both, 'an Envoy may take a moment');
  await world.clock.advance(minutes(12));
  assert.deepEqual(rootsIn(bundle.served), [toHex(world.ca.rootDer)]);
  assert.equal(bundle.changes, 2, 'and once when the old one went');
});

test('the old root goes when its last certificate has expired, though nobody replaced it', async () => {
  await using world = await CacheWorld.start({ ttlMs: hours(2) });
  const bundle = world.listenToBundle();
  world.listen(world.caller('web'));
  await settle();
  await world.ca.replaceRoot();
  world.ca.sign = async () => {
    throw new AgentError('ca-permission-denied', 'the CA refuses this identity');
  };
  await world.clock.advance(hours(2) - seconds(1));
  assert.equal(rootsIn(bundle.served).length, 2);
  await world.clock.advance(minutes(5));
  assert.deepEqual(rootsIn(bundle.served), [toHex(world.ca.rootDer)]);
});

test('the old root goes though the CA is down since the change', async () => {
  await using world = await CacheWorld.start({ ttlMs: hours(2) });
  const bundle = world.listenToBundle();
  world.listen(world.caller('web'));
  await settle();
  await world.ca.replaceRoot();
  await settle();
  world.faulty.fault = 'down';
  await world.clock.advance(hours(2) - seconds(1));
  assert.equal(rootsIn(bundle.served).length, 2);
  await world.clock.advance(minutes(5));
  assert.equal(rootsIn(bundle.served).length, 1);
  assert.equal(bundle.changes, 2);
});

test('an identity that is forgotten needs no root any more', async () => {
  await using world = await CacheWorld.start({ forgetAfterMs: minutes(10) });
  const bundle = world.listenToBundle();
  const listener = world.listen(world.caller('web'));
  await settle();
  await world.ca.replaceRoot();
  await settle();
  listener.leave();
  await world.clock.advance(minutes(9));
  assert.equal(rootsIn(bundle.served).length, 2);
  await world.clock.advance(minutes(5));
  assert.equal(rootsIn(bundle.served).length, 1);
});

test('the first certificate of a new root waits until those who acknowledge have the bundle', async () => {
  await using world = await CacheWorld.start();
  const [bundle, other, poller] = [world.listenToBundle(), world.listenToBundle(), world.listenToBundle()];
  bundle.acknowledge();
  other.acknowledge();
  await world.ca.replaceRoot();
  const web = world.listen(world.caller('web'));
  await world.clock.advance(seconds(1));
  assert.equal(poller.changes, 1, 'who never acknowledges is told as well');
  assert.equal(web.served, undefined);
  bundle.acknowledge();
  await world.clock.advance(seconds(1));
  assert.equal(web.served, undefined);
  other.acknowledge();
  await world.clock.advance(seconds(0.1));
  assert.notEqual(web.served, undefined);
});

test('an Envoy that does not take the bundle over holds up the first certificate for five seconds', async () => {
  await using world = await CacheWorld.start();
  world.listenToBundle().acknowledge();
  await world.ca.replaceRoot();
  const web = world.listen(world.caller('web'));
  await world.clock.advance(seconds(4));
  assert.equal(web.served, undefined);
  await world.clock.advance(seconds(1));
  assert.notEqual(web.served, undefined);
  const later = world.listen(world.caller('later'));
  await settle();
  assert.notEqual(later.served, undefined, 'the next ones are not held up');
});

test('a certificate of a root that was given up while it was made is never served', async () => {
  await using world = await CacheWorld.start();
  const sign = world.ca.sign.bind(world.ca);
  world.ca.sign = async (request, signal) => {
    const chain = await sign(request, signal);
    await world.ca.replaceRoot();
    await settle();
    return chain;
  };
  const web = world.listen(world.caller('web'));
  for (let round = 0; round < 5; round++) await settle();
  assert.equal(web.served, undefined);
  assert.match(world.cache.identities()[0]?.lastError?.message ?? '', /does not reach any of the 1 trusted roots/);
  world.ca.sign = sign;
  await world.clock.advance(minutes(1));
  assert.notEqual(web.served, undefined);
});

test('a CA that goes back to its old root is followed', async () => {
  await using world = await CacheWorld.start();
  const bundle = world.listenToBundle();
  world.listen(world.caller('web'));
  await settle();
  const roots = world.ca.roots.bind(world.ca);
  const other = await MemoryCa.create(world.clock);
  world.ca.roots = async () => [other.rootDer];
  await world.clock.advance(minutes(11));
  assert.equal(rootsIn(bundle.served).length, 2);
  world.ca.roots = roots;
  await world.clock.advance(minutes(2));
  assert.deepEqual(rootsIn(bundle.served), [toHex(world.ca.rootDer)]);
});

test('roots that are garbage, expired, double or in another order change nothing, and are counted', async () => {
  await using world = await CacheWorld.start();
  const bundle = world.listenToBundle();
  const good = world.ca.rootDer;
  const expired = await rootThatLasts(world, -hours(1));
  const answer = [new Uint8Array([1, 2, 3]), good, expired, good, Buffer.from('no certificate at all')];
  world.ca.roots = async () => answer;
  await world.clock.advance(minutes(11));
  answer.reverse();
  await world.clock.advance(minutes(10));
  assert.equal(bundle.changes, 0);
  assert.deepEqual(world.ignored.slice(0, 3), ['unusable', 'unusable', 'expired']);
});

test('a root that expires leaves the bundle, also while the CA is down; the last one stays', async () => {
  await using world = await CacheWorld.start();
  const bundle = world.listenToBundle();
  world.ca.roots = async () => [first, last];
  const [first, last] = [await rootThatLasts(world, hours(1)), await rootThatLasts(world, hours(2))];
  await world.clock.advance(minutes(11));
  assert.equal(rootsIn(bundle.served).length, 2);
  world.faulty.fault = 'down';
  await world.clock.advance(hours(1));
  assert.deepEqual(rootsIn(bundle.served), [toHex(last)]);
  await world.clock.advance(hours(1));
  assert.deepEqual(rootsIn(bundle.served), [toHex(last)], 'a bundle is never empty');
});

test('a CA that tells its roots with the first certificate only is reached before', async () => {
  const ca = await MemoryCa.create(new FakeClock());
  ca.failWith(new AgentError('ca-unavailable', 'the CA is down'));
  await using world = await CacheWorld.start({ ca });
  assert.equal(world.bundles.isCaReached, false);
  const roots = ca.roots.bind(ca);
  ca.failWith(undefined);
  ca.roots = async (signal) => (ca.requests.length === 0 ? [] : roots(signal));
  await world.clock.advance(seconds(1));
  assert.equal(world.bundles.isCaReached, true);
  assert.equal(world.listenToBundle().served, undefined);
  const web = world.listen(world.caller('web'));
  await settle();
  assert.notEqual(web.served, undefined);
  assert.notEqual(world.listenToBundle().served, undefined);
});

test('a CA that is reached and knows no root yet takes no bundle away and is not reported', async () => {
  await using world = await CacheWorld.start();
  const bundle = world.listenToBundle();
  world.ca.roots = async () => [];
  await world.clock.advance(hours(1));
  assert.equal(bundle.served, bundle.last);
  assert.equal(bundle.changes, 0);
  assert.deepEqual(
    world.log.events.filter(({ level }) => level === 'warn'),
    [],
  );
});
