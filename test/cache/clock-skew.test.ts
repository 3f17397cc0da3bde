import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { days, FakeClock, hours, minutes, seconds, settle } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { CacheWorld } from './cache-world.ts';

/** The CA's clock against ours, and what becomes of what it signs for a day or for an hour. */
const SKEWS = [
  { what: 'a minute ahead', skewMs: minutes(1), servedAfterMs: minutes(1) },
  { what: 'five minutes ahead', skewMs: minutes(5), servedAfterMs: minutes(5) },
  { what: 'an hour ahead', skewMs: hours(1), servedAfterMs: undefined },
  { what: 'a minute behind', skewMs: -minutes(1), servedAfterMs: 0 },
  { what: 'five minutes behind', skewMs: -minutes(5), servedAfterMs: 0 },
  { what: 'an hour behind', skewMs: -hours(1), servedAfterMs: 0 },
];

for (const { what, skewMs, servedAfterMs } of SKEWS) {
  test(`a CA whose clock is ${what}: nothing is served before its time, and the old certificate stays until then`, async () => {
    await using world = await CacheWorld.start({ jitter: 0 });
    const listener = world.listen(world.caller('web'));
    await settle();
    const old = listener.certificate;
    world.ca.notBeforeOffsetMs = skewMs;
    await world.clock.advance(hours(12));
    if (servedAfterMs !== 0) {
      assert.equal(listener.served, old);
      const { message = '' } = world.cache.identities()[0]?.lastError ?? {};
      assert.match(message, /not yet valid .*look at the clocks of the CA and of this node, the CA's is ahead/);
      assert.ok(JSON.stringify(world.log.events).includes('renewals fail'), 'it is logged');
      await world.clock.advance((servedAfterMs ?? hours(11)) - seconds(1));
      assert.equal(listener.served, old);
      await world.clock.advance(seconds(1));
    }
    assert.equal(listener.changes, servedAfterMs === undefined ? 1 : 2);
    if (servedAfterMs === undefined) return;
    assert.ok((listener.certificate?.notBeforeMs ?? Infinity) <= world.clock.now());
    assert.equal(world.cache.identities()[0]?.lastError, undefined);
    assert.equal(world.ca.requests.length, 2, 'one request was enough');
  });
}

test('a first certificate that is not valid yet is waited for, and its root is trusted meanwhile', async () => {
  await using world = await CacheWorld.start();
  const bundle = world.listenToBundle();
  world.ca.notBeforeOffsetMs = minutes(2);
  const listener = world.listen(world.caller('web'));
  await settle();
  await world.ca.replaceRoot();
  await world.clock.advance(minutes(2) - seconds(1));
  assert.equal(listener.served, undefined);
  assert.equal(world.bundles.bundle?.rootCount, 2);
  await world.clock.advance(seconds(1));
  assert.notEqual(listener.served, undefined);
  assert.equal(bundle.changes, 1);
});

test('a renewal on demand says that the certificate is not valid yet', async () => {
  await using world = await CacheWorld.start();
  world.listen(world.caller('web'));
  await settle();
  world.ca.notBeforeOffsetMs = minutes(1);
  await assert.rejects(world.cache.renew('all', AbortSignal.timeout(10_000)), {
    code: 'ca-answer-invalid',
    message: /not yet valid .*it is kept and served from then on/,
  });
});

test('a CA so far behind that its certificates have expired is refused, and the message says which clock', async () => {
  await using world = await CacheWorld.start({ ttlMs: minutes(30) });
  world.ca.notBeforeOffsetMs = -hours(1);
  world.listen(world.caller('web'));
  await settle();
  const { code, message = '' } = world.cache.identities()[0]?.lastError ?? {};
  assert.equal(code, 'ca-answer-invalid');
  assert.match(message, /has expired at .* the clock of the CA is behind, or this node's ahead/);
});

test('a CA that is an hour behind gives an hour less, and the renewal is planned by what is left', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  world.ca.notBeforeOffsetMs = -hours(1);
  world.listen(world.caller('web'));
  await settle();
  const { notAfterMs, nextRenewalMs } = world.cache.identities()[0] ?? {};
  assert.equal(notAfterMs, world.clock.now() + hours(23));
  assert.equal(nextRenewalMs, world.clock.now() + hours(11.5));
});

test('a certificate that outlives its issuer is renewed, and given up, by the life of the issuer', async () => {
  const clock = new FakeClock();
  const old = await MemoryCa.create(new FakeClock(clock.now() - days(3650) + hours(10)));
  await using world = await CacheWorld.start({ jitter: 0 });
  world.ca.roots = async () => [old.rootDer];
  world.ca.sign = (request, signal) => {
    // Its own clock is years behind ours; the certificate is for our day.
    old.notBeforeOffsetMs = days(3650) - hours(10);
    return old.sign(request, signal);
  };
  await world.clock.advance(minutes(11));
  const listener = world.listen(world.caller('web'));
  await settle();
  const rootEndsMs = parseCertificate(old.rootDer).notAfterMs;
  assert.equal(listener.certificate?.notAfterMs, rootEndsMs);
  const { nextRenewalMs = 0 } = world.cache.identities()[0] ?? {};
  assert.equal(nextRenewalMs, (world.clock.now() + rootEndsMs) / 2);
});
