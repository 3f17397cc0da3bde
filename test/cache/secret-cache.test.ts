import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { FreshToken } from '../../src/core/caller.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { days, hours, minutes, seconds, settle } from '../fakes/fake-clock.ts';
import { CacheWorld, idOf } from './cache-world.ts';

const DOWN = new AgentError('ca-unavailable', 'the CA is down');
const REFUSED = new AgentError('ca-permission-denied', 'the CA refuses this identity');

test('a certificate is obtained once somebody subscribes, and everybody who waits is told once', async () => {
  await using world = await CacheWorld.start();
  const caller = world.caller('web');
  assert.equal(world.cache.peek({ kind: 'certificate', caller }), undefined);
  const listeners = Array.from({ length: 5 }, () => world.listen(caller));
  await settle();
  for (const { changes, certificate } of listeners) {
    assert.equal(changes, 1);
    assert.equal(certificate?.spiffeId, idOf('web'));
  }
});

test('one issuance is in flight per identity, however many ask', async () => {
  await using world = await CacheWorld.start();
  world.ca.hold();
  const caller = world.caller('web');
  const listeners = Array.from({ length: 1000 }, () => world.listen(caller));
  await settle();
  assert.equal(world.ca.requests.length, 1);
  world.ca.release();
  await settle();
  assert.equal(world.ca.requests.length, 1);
  assert.equal(new Set(listeners.map(({ certificate }) => certificate?.version)).size, 1);
});

test('identities get certificates of their own, each with a key of its own', async () => {
  await using world = await CacheWorld.start();
  const listeners = ['a', 'b', 'c'].map((name) => world.listen(world.caller(name)));
  await settle();
  const keys = listeners.map(({ certificate }) => certificate?.privateKeyPem.reveal().toString());
  assert.equal(new Set(keys).size, 3);
});

test('never more issuances are in flight than configured, and all are served in the end', async () => {
  await using world = await CacheWorld.start({ maxInFlight: 4 });
  world.ca.hold();
  const listeners = Array.from({ length: 50 }, (_, index) => world.listen(world.caller(`w${index}`)));
  await settle();
  assert.equal(world.cache.inFlight, 4);
  world.ca.release();
  for (let round = 0; round < 20; round++) await settle();
  assert.equal(world.ca.mostInFlight, 4);
  assert.ok(listeners.every(({ certificate }) => certificate !== undefined));
});

test('who waits is served before a renewal of what is still good', async () => {
  await using world = await CacheWorld.start({ maxInFlight: 1, jitter: 0 });
  for (const name of ['old1', 'old2', 'old3']) world.listen(world.caller(name));
  await settle();
  world.ca.requests.length = 0;
  world.ca.hold();
  await world.clock.advance(hours(12) + seconds(1));
  world.listen(world.caller('new'));
  await settle();
  world.ca.release();
  for (let round = 0; round < 5; round++) await settle();
  assert.equal(world.ca.requests.length, 4);
  assert.equal(world.ca.requests[1]?.id, idOf('new'));
});

test('a certificate is renewed at its share of the lifetime, with a new key, and pushed once', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const listener = world.listen(world.caller('web'));
  const stranger = world.listen(world.caller('other'));
  await settle();
  const first = listener.certificate;
  await world.clock.advance(hours(12) - seconds(1));
  assert.equal(listener.changes, 1);
  await world.clock.advance(seconds(2));
  assert.equal(listener.changes, 2);
  assert.equal(stranger.changes, 2);
  assert.notEqual(listener.certificate?.serial, first?.serial);
  assert.notDeepEqual(listener.certificate?.privateKeyPem.reveal(), first?.privateKeyPem.reveal());
});

test('the renewal of one identity is pushed to no other', async () => {
  await using world = await CacheWorld.start();
  const web = world.listen(world.caller('web'));
  const other = world.listen(world.caller('other'));
  await settle();
  await world.cache.renew({ spiffeId: idOf('web') }, AbortSignal.timeout(10_000));
  assert.equal(web.changes, 2);
  assert.equal(other.changes, 1);
});

test('a thousand certificates that were issued together are renewed over most of the window', async () => {
  await using world = await CacheWorld.start({ maxInFlight: 64 });
  for (let index = 0; index < 1000; index++) world.listen(world.caller(`w${index}`));
  for (let round = 0; round < 100 && world.renewals.length < 1000; round++) await settle();
  const nowMs = world.clock.now();
  const due = world.cache.identities().map(({ nextRenewalMs = 0 }) => nextRenewalMs - nowMs);
  const windowMs = hours(24) * 0.1;
  assert.equal(due.length, 1000);
  assert.ok(Math.max(...due) - Math.min(...due) >= 0.8 * windowMs);
  assert.ok(Math.min(...due) >= hours(12) - windowMs / 2 && Math.max(...due) <= hours(12) + windowMs / 2);
});

test('a failing CA takes no valid certificate away, however long it fails', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listen(world.caller('web'));
  await settle();
  const held = listener.certificate;
  world.ca.failWith(DOWN);
  await world.clock.advance(hours(23));
  assert.equal(listener.served, held);
  assert.equal(world.listen(world.caller('web')).certificate, held, 'a new stream is served it too');
  assert.equal(world.cache.identities()[0]?.state, 'stale');
  assert.ok(world.renewals.filter((result) => result === 'failed').length > 10);
});

test('an expired certificate is not served, and its successor is as soon as the CA is back', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listen(world.caller('web'));
  await settle();
  world.ca.failWith(DOWN);
  await world.clock.advance(hours(24));
  assert.equal(listener.served, undefined);
  assert.equal(world.listen(world.caller('web')).last, undefined);
  world.ca.failWith(undefined);
  await world.clock.advance(minutes(2));
  assert.notEqual(listener.served, undefined);
  assert.equal(listener.changes, 2);
});

test('failures are retried ever more slowly, and a refusal more slowly than an outage', async () => {
  const tries = async (error: AgentError): Promise<number> => {
    await using world = await CacheWorld.start();
    world.ca.failWith(error);
    world.listen(world.caller('web'));
    await world.clock.advance(hours(1));
    return world.renewals.length;
  };
  const [outage, refusal] = [await tries(DOWN), await tries(REFUSED)];
  assert.ok(outage > 60 && outage < 300, `${outage}`);
  assert.ok(refusal > 5 && refusal < 40, `${refusal}`);
});

test('an outage and a refusal of the CA count as failed, an answer that does not verify as refused', async () => {
  await using world = await CacheWorld.start();
  world.listen(world.caller('web'));
  await settle();
  const tryAgain = (): Promise<unknown> => world.cache.renew('all', AbortSignal.timeout(10_000)).catch(() => undefined);
  for (const error of [DOWN, REFUSED]) {
    world.ca.failWith(error);
    await tryAgain();
  }
  world.ca.failWith(undefined);
  world.faulty.fault = 'corrupts';
  await tryAgain();
  assert.deepEqual(world.renewals, ['issued', 'failed', 'failed', 'refused']);
});

test('each request after a failure counts as a retry, the first one does not', async () => {
  await using world = await CacheWorld.start();
  world.listen(world.caller('web'));
  await settle();
  assert.equal(world.retries, 0);
  world.ca.failWith(DOWN);
  await assert.rejects(world.cache.renew('all', AbortSignal.timeout(10_000)), DOWN);
  world.ca.failWith(undefined);
  await world.cache.renew('all', AbortSignal.timeout(10_000));
  assert.equal(world.retries, 1);
});

test('a CA that says when to come back is not asked earlier', async () => {
  await using world = await CacheWorld.start();
  world.listen(world.caller('web'));
  await settle();
  world.ca.failWith(new AgentError('ca-overloaded', 'too many requests', { retryAfterMs: minutes(20) }));
  await world.clock.advance(hours(13));
  const before = world.ca.requests.length;
  await world.clock.advance(hours(1));
  assert.ok(world.ca.requests.length - before <= 3);
});

test('a new stream does not get around the backoff of its identity', async () => {
  await using world = await CacheWorld.start({ random: 0.999 });
  world.ca.failWith(REFUSED);
  world.listen(world.caller('web'));
  await settle();
  for (let index = 0; index < 100; index++) world.listen(world.caller('web'));
  await settle();
  assert.equal(world.ca.requests.length, 1);
});

test('a fresher token is tried at once where the CA refused the last one', async () => {
  await using world = await CacheWorld.start();
  world.ca.failWith(new AgentError('ca-token-rejected', 'the CA does not accept the token'));
  world.listen(world.caller('web', hours(1)));
  await settle();
  world.ca.failWith(undefined);
  const fresh = world.listen(world.caller('web', hours(2)));
  await settle();
  assert.notEqual(fresh.served, undefined);
});

test('the freshest token that was shown is the one the CA sees', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const old = world.caller('web', hours(11));
  world.listen(old);
  await settle();
  const fresh = world.caller('web', hours(48));
  world.listen(fresh);
  world.listen(old);
  await world.clock.advance(hours(12) + seconds(1));
  assert.equal(world.ca.requests[1]?.token, fresh.token);
});

test('when the token has expired at renewal, one stream is sent for a fresh one, and then it is renewed', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const caller = world.caller('web', hours(6));
  const listeners = Array.from({ length: 10 }, () => world.listen(caller));
  const other = world.listen(world.caller('other'));
  await settle();
  await world.clock.advance(hours(12) + seconds(1));
  const sentBack = (): number => listeners.reduce((sum, listener) => sum + listener.sentBack, 0);
  assert.equal(sentBack(), 1);
  assert.equal(other.sentBack, 0);
  assert.equal(world.ca.requests.length, 3, 'the CA is not shown an expired token');
  world.listen(world.caller('web', hours(12)));
  await settle();
  assert.deepEqual(
    listeners.map(({ changes }) => changes).sort(),
    [1, 2, 2, 2, 2, 2, 2, 2, 2, 2],
    'all who stayed are told',
  );
  await world.clock.advance(hours(5));
  assert.equal(sentBack(), 1, 'nobody else is sent');
});

test('streams that come back without a fresh token are sent again more and more seldom', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const caller = world.caller('web', hours(6));
  const listeners = Array.from({ length: 100 }, () => world.listen(caller));
  await settle();
  await world.clock.advance(hours(13));
  const sentBack = listeners.reduce((sum, listener) => sum + listener.sentBack, 0);
  assert.ok(sentBack >= 3 && sentBack <= 10, `${sentBack} in an hour`);
  assert.ok(
    listeners.some(({ served }) => served !== undefined),
    'the valid certificate stays',
  );
});

test('a renewal that is overdue for lack of a token shows as stale, until it is made up for', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const state = (): string | undefined => world.cache.identities()[0]?.state;
  for (let index = 0; index < 2; index++) world.listen(world.caller('web', hours(6)));
  await settle();
  await world.clock.advance(hours(7));
  assert.equal(state(), 'ready', 'an expired token alone is nothing: the renewal is not due');
  await world.clock.advance(hours(5));
  assert.equal(state(), 'stale');
  world.listen(world.caller('web', hours(6)));
  await settle();
  assert.equal(state(), 'ready');
});

test('however short a certificate lives, streams are sent for a token while it is valid, and in no loop', async () => {
  for (const ttlMs of [seconds(60), minutes(5), hours(1), hours(24)]) {
    await using world = await CacheWorld.start({ jitter: 0, ttlMs });
    const listeners = Array.from({ length: 200 }, () => world.listen(world.caller('web', seconds(1))));
    await settle();
    const sentBack = (): number => listeners.reduce((sum, listener) => sum + listener.sentBack, 0);
    await world.clock.advance(ttlMs - seconds(1));
    const inTime = sentBack();
    assert.ok(inTime >= 5 && inTime <= 100, `${inTime} of a certificate of ${ttlMs / 1000} s`);
    await world.clock.advance(minutes(10));
    const tooLate = sentBack() - inTime;
    assert.ok(tooLate >= 9 && tooLate <= 21, `${tooLate} in ten minutes after the expiry`);
  }
});

/** A caller whose token expires after an hour, and who need not come back for the next one. */
function selfSupplied(world: CacheWorld, give: (number: number, signal: AbortSignal) => Promise<FreshToken>) {
  let asked = 0;
  const caller = { ...world.caller('web', hours(1)), freshToken: (signal: AbortSignal) => give(++asked, signal) };
  return { caller, asked: () => asked };
}

test('where a fresh token can be asked for, renewals ask for it, and no stream ends', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const { caller, asked } = selfSupplied(world, async (number) => ({
    token: new Redacted(`token ${number}`),
    expiresAtMs: world.clock.now() + hours(1),
  }));
  const listener = world.listen(caller);
  await settle();
  await world.clock.advance(hours(48) + minutes(1));
  assert.equal(listener.sentBack, 0);
  assert.equal(listener.changes, 5, 'renewed each twelve hours');
  assert.equal(asked(), 4, 'only when the token is needed');
  assert.deepEqual(
    world.ca.requests.map(({ token }) => token.reveal()),
    ['token of web', 'token 1', 'token 2', 'token 3', 'token 4'],
  );
});

test('a renewal that cannot get a token now is tried again, and the certificate stays; no stream ends', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  let isDown = true;
  const { caller, asked } = selfSupplied(world, async () => {
    if (isDown)
      throw new AgentError('token-source-unavailable', 'the API server is down', { retryAfterMs: seconds(30) });
    return { token: new Redacted('fresh'), expiresAtMs: world.clock.now() + hours(1) };
  });
  const listener = world.listen(caller);
  const other = world.listen(world.caller('other'));
  await settle();
  await world.clock.advance(hours(13));
  assert.ok(asked() >= 30 && asked() <= 120, `asked ${asked()} times in an hour`);
  assert.equal(world.cache.identities()[0]?.lastError?.code, 'token-source-unavailable');
  assert.notEqual(listener.served, undefined);
  assert.equal(other.changes, 2, 'the CA goes on being asked for others');
  isDown = false;
  await world.clock.advance(minutes(2));
  assert.deepEqual([listener.changes, listener.sentBack], [2, 0]);
});

test('where the pod that would get the token is gone, a stream of another one brings it', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const { caller } = selfSupplied(world, async () => {
    throw new AgentError('token-rejected', 'the pod is gone');
  });
  const [first, second] = [world.listen(caller), world.listen(caller)];
  await settle();
  await world.clock.advance(hours(12) + seconds(1));
  assert.equal(first.sentBack + second.sentBack, 1);
  assert.equal(world.cache.identities()[0]?.state, 'stale');
  world.listen(world.caller('web', hours(1)));
  await settle();
  assert.equal(world.cache.identities()[0]?.state, 'ready');
});

test('an identity is not forgotten while a token is asked for, and nothing of that is left when the agent ends', async () => {
  const world = await CacheWorld.start({ jitter: 0, forgetAfterMs: minutes(1) });
  const { caller } = selfSupplied(world, (_, signal) => {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new AgentError('request-cancelled', 'over')));
    });
  });
  const listener = world.listen(caller);
  await settle();
  await world.clock.advance(hours(12) + seconds(1));
  listener.leave();
  await world.clock.advance(minutes(5));
  assert.equal(world.cache.identities().length, 1);
  await world[Symbol.asyncDispose]();
});

test('an identity that nobody listens to waits for a stream with a fresh token', async () => {
  await using world = await CacheWorld.start({ jitter: 0, forgetAfterMs: days(2) });
  const listener = world.listen(world.caller('web', hours(6)));
  await settle();
  listener.leave();
  await world.clock.advance(hours(20));
  assert.equal(world.ca.requests.length, 1);
  const back = world.listen(world.caller('web', hours(6)));
  assert.notEqual(back.certificate, undefined, 'served at once what is still valid');
  await settle();
  assert.equal(back.changes, 1, 'and renewed');
});

test('an identity without streams is forgotten after a while, not before', async () => {
  await using world = await CacheWorld.start({ forgetAfterMs: minutes(10) });
  const listener = world.listen(world.caller('web'));
  await settle();
  listener.leave();
  await world.clock.advance(minutes(9));
  const back = world.listen(world.caller('web'));
  assert.equal(back.certificate, listener.certificate);
  await world.clock.advance(hours(1));
  assert.equal(world.cache.identities().length, 1, 'not while somebody listens');
  back.leave();
  await world.clock.advance(minutes(11));
  assert.equal(world.cache.identities().length, 0);
  const requests = world.ca.requests.length;
  await world.clock.advance(days(2));
  assert.equal(world.ca.requests.length, requests, 'and not renewed any more');
});

test('an identity without streams is kept while its certificate is valid and the CA is down', async () => {
  await using world = await CacheWorld.start({ forgetAfterMs: minutes(10) });
  const listener = world.listen(world.caller('web'));
  await settle();
  world.ca.failWith(new AgentError('ca-unavailable', 'down'));
  await world.clock.advance(minutes(10));
  listener.leave();
  await world.clock.advance(hours(20));
  const back = world.listen(world.caller('web'));
  assert.equal(back.certificate, listener.certificate);
  back.leave();
  await world.clock.advance(hours(5));
  assert.equal(world.cache.identities().length, 0, 'not any longer than it is valid');
});

test('an identity that an outage has kept is forgotten after it', async () => {
  await using world = await CacheWorld.start({ forgetAfterMs: minutes(10) });
  const listener = world.listen(world.caller('web'));
  await settle();
  world.ca.failWith(new AgentError('ca-unavailable', 'down'));
  await world.clock.advance(minutes(10));
  listener.leave();
  await world.clock.advance(hours(1));
  assert.equal(world.cache.identities().length, 1);
  world.ca.failWith(undefined);
  await world.clock.advance(minutes(21));
  assert.equal(world.cache.identities().length, 0);
});

test('an identity is not forgotten with its issuance in flight', async () => {
  await using world = await CacheWorld.start({ forgetAfterMs: seconds(1) });
  world.ca.hold();
  const listener = world.listen(world.caller('web'));
  await settle();
  listener.leave();
  await world.clock.advance(seconds(5));
  world.ca.release();
  await settle();
  await world.clock.advance(seconds(5));
  assert.equal(world.cache.identities().length, 0);
  await world.clock.advance(days(1));
  assert.equal(world.ca.requests.length, 1);
});

test('a CA that hangs is given up, and asked again', async () => {
  await using world = await CacheWorld.start();
  world.ca.hold();
  const listener = world.listen(world.caller('web'));
  await world.clock.advance(seconds(10));
  assert.equal(world.cache.identities()[0]?.lastError?.code, 'ca-timeout');
  assert.equal(world.ca.inFlight, 0);
  world.ca.release();
  await world.clock.advance(seconds(10));
  assert.notEqual(listener.served, undefined);
});

test('a certificate shorter than asked is renewed by the life it has', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  world.ca.lifetimeMs = minutes(10);
  const listener = world.listen(world.caller('web'));
  await settle();
  await world.clock.advance(minutes(5) + seconds(1));
  assert.equal(listener.changes, 2);
});

test('a life beyond the reach of a timer is waited for', async () => {
  await using world = await CacheWorld.start({ jitter: 0, ttlMs: days(90) });
  const listener = world.listen(world.caller('web'));
  await settle();
  await world.clock.advance(days(44));
  assert.equal(listener.changes, 1);
  await world.clock.advance(days(2));
  assert.equal(listener.changes, 2);
});

test('a clock set forward makes due what is due by it', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  const listener = world.listen(world.caller('web'));
  await settle();
  await world.clock.step(hours(13));
  assert.equal(listener.changes, 2);
});

test('a clock set back does not make a retry wait the step out', async () => {
  await using world = await CacheWorld.start();
  world.ca.failWith(DOWN);
  const listener = world.listen(world.caller('web'));
  await settle();
  world.ca.failWith(undefined);
  await world.clock.step(-hours(5));
  await world.clock.advance(seconds(2));
  assert.notEqual(listener.served, undefined);
});

test('a clock set back before a certificate begins has it renewed; until then it is kept', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listen(world.caller('web'));
  await settle();
  world.ca.hold();
  await world.clock.step(-hours(5));
  assert.notEqual(listener.served, undefined);
  world.ca.release();
  await settle();
  assert.equal(listener.changes, 2);
  assert.ok((listener.certificate?.notBeforeMs ?? Infinity) <= world.clock.now());
});

test('a small step back renews nothing', async () => {
  await using world = await CacheWorld.start();
  world.ca.notBeforeOffsetMs = -minutes(1);
  world.listen(world.caller('web'));
  await settle();
  await world.clock.step(-seconds(30));
  await world.clock.advance(hours(1));
  assert.equal(world.ca.requests.length, 1);
});

test('after a day of suspension nothing expired is served, and everything is renewed at once', async () => {
  await using world = await CacheWorld.start();
  const listeners = Array.from({ length: 20 }, (_, index) => world.listen(world.caller(`w${index}`)));
  for (let round = 0; round < 5; round++) await settle();
  world.ca.hold();
  await world.clock.suspend(days(1));
  assert.ok(listeners.every(({ served }) => served === undefined));
  world.ca.release();
  for (let round = 0; round < 10; round++) await settle();
  assert.ok(listeners.every(({ changes, served }) => changes === 2 && served !== undefined));
});

test('newer content replaces what nobody has looked at: the last one counts', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listen(world.caller('web'));
  await settle();
  await world.cache.renew('all', AbortSignal.timeout(10_000));
  await world.cache.renew('all', AbortSignal.timeout(10_000));
  assert.equal(listener.served, listener.last);
  assert.equal(world.cache.identities()[0]?.rotations, 2);
});

test('a renewal on demand begins anew, also while another one is in flight', async () => {
  await using world = await CacheWorld.start();
  world.ca.hold();
  world.listen(world.caller('web'));
  await settle();
  const renewed = world.cache.renew('all', AbortSignal.timeout(10_000));
  world.ca.release();
  assert.deepEqual(await renewed, [idOf('web')]);
  assert.equal(world.ca.requests.length, 2);
});

test('a renewal on demand that fails says why, and what was there stays', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listen(world.caller('web'));
  await settle();
  world.ca.failWith(REFUSED);
  await assert.rejects(world.cache.renew('all', AbortSignal.timeout(10_000)), REFUSED);
  assert.equal(listener.served, listener.certificate);
  await assert.rejects(world.cache.renew({ spiffeId: idOf('nobody') }, AbortSignal.timeout(10_000)), {
    code: 'request-name-unknown',
  });
});

test('the status of an identity tells where it stands', async () => {
  await using world = await CacheWorld.start({ jitter: 0 });
  world.ca.hold();
  world.listen(world.caller('web'));
  await settle();
  const state = (): string | undefined => world.cache.identities()[0]?.state;
  assert.equal(state(), 'issuing');
  world.ca.release();
  await settle();
  assert.equal(state(), 'ready');
  const { nextRenewalMs, streams, serial } = world.cache.identities()[0] ?? {};
  assert.equal(nextRenewalMs, world.clock.now() + hours(12));
  assert.equal(streams, 1);
  assert.match(serial ?? '', /^[0-9a-f]{16,40}$/);
  world.ca.hold();
  await world.clock.advance(hours(12));
  assert.equal(state(), 'renewing');
});

test('the time of the next attempt is in whole milliseconds, whatever it was made from', async () => {
  await using world = await CacheWorld.start();
  world.ca.notBeforeOffsetMs = -hours(2);
  const dueMs = (): number => world.cache.identities()[0]?.nextRenewalMs ?? Number.NaN;
  world.listen(world.caller('web'));
  await settle();
  assert.ok(Number.isInteger(dueMs()), `a renewal at ${dueMs()}`);
  for (const [what, details] of [
    ['the backoff', {}],
    ['what the CA asked for', { retryAfterMs: minutes(7) + 0.1 }],
  ] as const) {
    world.ca.failWith(new AgentError('ca-overloaded', 'too many requests', details));
    await world.cache.renew('all', AbortSignal.timeout(10_000)).catch(() => undefined);
    assert.ok(Number.isInteger(dueMs()), `a try after ${what} at ${dueMs()}`);
  }
  await world.clock.step(-hours(1) - 0.25);
  assert.ok(Number.isInteger(dueMs()), `a try that moved with the clock at ${dueMs()}`);
});

test('no log line holds a token or a key', async () => {
  await using world = await CacheWorld.start();
  world.listen(world.caller('web'));
  await world.clock.advance(hours(13));
  world.ca.failWith(DOWN);
  await world.clock.advance(days(2));
  const text = JSON.stringify(world.log.events);
  assert.doesNotMatch(text, /token of|PRIVATE/);
  assert.ok(world.log.events.length > 10);
});
