import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { RenewalAlarm } from '../../src/core/status-report.ts';
import { days, hours, minutes, seconds, settle } from '../fakes/fake-clock.ts';
import type { Logged } from '../fakes/recording-log.ts';
import { CacheWorld, idOf } from './cache-world.ts';

const TTL_MS = hours(24);
const RENEWAL_MS = TTL_MS / 2;

/** What was logged at info or louder, without the news of certificates and bundles that came. */
function complaints({ log }: CacheWorld): Logged[] {
  return log.events.filter(
    ({ level, message }) => level !== 'debug' && !/certificate issued|bundle changed/.test(message),
  );
}

function alarms({ cache }: CacheWorld): (RenewalAlarm | undefined)[] {
  return cache.identities().map(({ alarm }) => alarm);
}

const GROWTH: readonly { alarm: RenewalAlarm; from: number; to: number; level: string; message: RegExp }[] = [
  { alarm: 'failing', from: 0, to: 1 / 3, level: 'info', message: /fail and are tried again/ },
  { alarm: 'pressing', from: 1 / 3, to: 2 / 3, level: 'warn', message: /go on failing/ },
  { alarm: 'critical', from: 2 / 3, to: 1, level: 'error', message: /expire soon/ },
  { alarm: 'expired', from: 1, to: 1.2, level: 'error', message: /have expired/ },
];

for (const { alarm, from, to, level, message } of GROWTH) {
  test(`the alarm is ${alarm} and is logged as ${level} while ${from} to ${to} of the time for renewal is gone`, async () => {
    await using world = await CacheWorld.start({ ttlMs: TTL_MS, jitter: 0 });
    world.listen(world.caller('web'));
    await settle();
    world.faulty.fault = 'down';
    await world.clock.advance(RENEWAL_MS * (1 + from) + minutes(3));
    const before = complaints(world).length;
    assert.deepEqual(alarms(world), [alarm]);
    await world.clock.advance(RENEWAL_MS * (to - from) - minutes(5));
    assert.deepEqual(alarms(world), [alarm]);
    const heard = complaints(world)
      .slice(before)
      .filter((event) => !/no roots/.test(event.message));
    assert.ok(heard.length > 10);
    for (const { fields, ...event } of heard) {
      const { among } = fields;
      assert.match(event.message, message);
      assert.equal(event.level, level);
      assert.deepEqual(among, [idOf('web')]);
    }
  });
}

test('a workload that never had a certificate is an alarm, and none once it has one', async () => {
  await using world = await CacheWorld.start();
  world.faulty.fault = 'down';
  world.listen(world.caller('web'));
  await settle();
  assert.deepEqual(alarms(world), ['waiting']);
  assert.match(JSON.stringify(complaints(world)), /wait for their first certificate/);
  world.faulty.fault = undefined;
  await world.clock.advance(minutes(1));
  assert.deepEqual(alarms(world), [undefined]);
});

test('a refusal is a warning from its first moment: no time will mend it', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  world.listen(world.caller('web'));
  await settle();
  world.ca.failWith(new AgentError('ca-permission-denied', 'the CA refuses this identity'));
  await world.clock.advance(RENEWAL_MS + minutes(1));
  assert.deepEqual(alarms(world), ['failing']);
  assert.deepEqual([...new Set(complaints(world).map(({ level }) => level))], ['warn']);
});

test('an identity that nobody uses is no alarm', async () => {
  await using world = await CacheWorld.start({ jitter: 0, forgetAfterMs: days(2) });
  const listener = world.listen(world.caller('web'));
  await settle();
  listener.leave();
  world.faulty.fault = 'down';
  await world.clock.advance(hours(23));
  assert.deepEqual(alarms(world), [undefined]);
});

test('a certificate that expired while the machine slept is an alarm before anything was tried', async () => {
  await using world = await CacheWorld.start();
  world.listen(world.caller('web'));
  await settle();
  world.faulty.fault = 'hangs';
  await world.clock.suspend(days(2));
  assert.deepEqual(alarms(world), ['expired']);
});

test('500 identities that fail are a few lines an hour, which say how many and until when', async () => {
  await using world = await CacheWorld.start({ ttlMs: TTL_MS, jitter: 0 });
  for (let index = 0; index < 500; index++) world.listen(world.caller(`w${index}`));
  for (let round = 0; round < 200 && world.renewals.length < 500; round++) await settle();
  world.ca.failWith(new AgentError('ca-permission-denied', 'the CA refuses everybody'));
  await world.clock.advance(RENEWAL_MS + minutes(1));
  world.log.events.length = 0;
  const before = world.renewals.length;
  await world.clock.advance(minutes(30));
  const heard = complaints(world).filter(({ message }) => /renewals/.test(message));
  assert.ok(heard.length >= 2 && heard.length <= 4, `${heard.length} lines`);
  const { identities, among, failures, firstExpiry } = heard.at(-1)?.fields ?? {};
  assert.ok(Number(identities) > 300 && Number(failures) >= Number(identities), `${identities}, ${failures}`);
  assert.ok(Array.isArray(among) && among.length === 3);
  assert.match(String(firstExpiry), /^2030-01-02T00:00/);
  assert.equal(world.log.events.filter(({ level }) => level === 'debug').length, world.renewals.length - before);
});

test('roots that cannot be read are a line in ten minutes while some are known', async () => {
  await using world = await CacheWorld.start();
  world.faulty.fault = 'down';
  await world.clock.advance(hours(2));
  const heard = complaints(world).filter(({ message }) => /bundle that is there is kept/.test(message));
  assert.ok(heard.length >= 10 && heard.length <= 12, `${heard.length} lines`);
});

const FAULTS = ['down', 'hangs', 'corrupts'] as const;

for (const fault of FAULTS) {
  test(`while the CA ${fault === 'down' ? 'is down' : fault} a restarted Envoy is served from memory until the expiry`, async () => {
    await using world = await CacheWorld.start({ ttlMs: TTL_MS });
    const first = world.listen(world.caller('web'));
    const bundle = world.listenToBundle();
    await settle();
    world.faulty.fault = fault;
    await world.clock.advance(TTL_MS - minutes(30));
    first.leave();
    await world.clock.advance(minutes(5));
    const restarted = world.listen(world.caller('web'));
    assert.equal(restarted.certificate, first.certificate);
    assert.equal(world.listenToBundle().last, bundle.last);
    await world.clock.advance(minutes(25));
    assert.equal(restarted.served, undefined, 'not served after its expiry');
    assert.equal(restarted.sentBack, 0);
    assert.equal(bundle.changes, 0);
    world.faulty.fault = undefined;
    await world.clock.advance(minutes(6));
    assert.notEqual(restarted.served, undefined);
  });
}

for (const fault of ['down', 'hangs'] as const) {
  test(`half an hour in which the CA ${fault === 'down' ? 'is down' : fault} makes nothing grow with 500 identities`, async () => {
    await using world = await CacheWorld.start({ ttlMs: hours(2), maxPerSecond: 2 });
    for (let index = 0; index < 500; index++) world.listen(world.caller(`w${index}`));
    while (world.renewals.length < 500) await world.clock.advance(seconds(1));
    world.faulty.fault = fault;
    await world.clock.advance(hours(1.1));
    for (let round = 0; round < 6; round++) {
      await world.clock.advance(minutes(5) + seconds(1));
      assert.equal(world.cache.identities().length, 500);
      assert.ok(world.cache.inFlight <= 8 && world.cache.queued <= 500, `${world.cache.queued} queued`);
      // Two agendas, the roots read again and watched, the queue, and a time limit for each request.
      assert.ok(world.clock.sleeping <= 5 + 2 * 8, `${world.clock.sleeping} timers`);
    }
  });
}
