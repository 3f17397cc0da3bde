import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { IdentityJudge, Verdict } from '../../src/core/identity-policy.ts';
import { days, hours, minutes, settle } from '../fakes/fake-clock.ts';
import { CacheWorld, idOf } from './cache-world.ts';

/** Says of everybody what it is told to. */
class Dictator implements IdentityJudge {
  verdict: Verdict = { allowed: true };
  judge(): Verdict {
    return this.verdict;
  }
}

const REFUSED: Verdict = { allowed: false, error: new AgentError('identity-not-allowed', 'no') };

async function lifeOf(world: CacheWorld): Promise<number> {
  const listener = world.listen(world.caller('web'));
  await settle();
  return (listener.certificate?.notAfterMs ?? Number.NaN) - world.clock.now();
}

test('a shorter lifetime of the policy is asked for, a longer one is not', async () => {
  for (const [maxTtlMs, lifeMs] of [
    [hours(1), hours(1)],
    [days(30), hours(24)],
  ] as const) {
    const judge = new Dictator();
    judge.verdict = { allowed: true, maxTtlMs };
    await using world = await CacheWorld.start({ judge });
    assert.equal(await lifeOf(world), lifeMs);
  }
});

test('another policy holds from the next renewal on', async () => {
  const judge = new Dictator();
  await using world = await CacheWorld.start({ judge });
  const listener = world.listen(world.caller('web'));
  await settle();
  judge.verdict = { allowed: true, maxTtlMs: hours(1), key: { algorithm: 'ecdsa', curve: 'P384' } };
  const first = listener.certificate;
  await world.clock.advance(hours(11));
  assert.equal(listener.certificate, first);
  await world.clock.advance(hours(2));
  const next = listener.certificate;
  assert.ok(next && first && next !== first);
  assert.ok(next.notAfterMs - next.notBeforeMs <= hours(1) + minutes(2));
  assert.ok(next.privateKeyPem.reveal().length > first.privateKeyPem.reveal().length, 'it is a larger key');
});

test('a CA that gives more than the policy allows is not believed to be right', async () => {
  const judge = new Dictator();
  judge.verdict = { allowed: true, maxTtlMs: hours(1) };
  await using world = await CacheWorld.start({ judge });
  world.ca.lifetimeMs = hours(24);
  const listener = world.listen(world.caller('web'));
  await settle();
  assert.equal(listener.certificate, undefined);
  const [status] = world.cache.identities();
  assert.equal(status?.lastError?.code, 'ca-answer-invalid');
  assert.match(status?.lastError?.message ?? '', /the policy allows 3600 s/);
});

test('who is not allowed any more is forgotten at once, with what is in flight, and nothing is renewed', async () => {
  const judge = new Dictator();
  await using world = await CacheWorld.start({ judge });
  const [held, waiting] = [world.listen(world.caller('web')), world.listen(world.caller('late'))];
  await settle();
  assert.ok(held.certificate && waiting.certificate);
  world.ca.hold();
  const renewing = world.cache.renew({ spiffeId: idOf('late') }, AbortSignal.timeout(60_000));
  await settle();
  judge.verdict = REFUSED;
  world.cache.revoke(judge);
  await assert.rejects(renewing, { code: 'identity-not-allowed' });
  assert.deepEqual([held.served, waiting.served], [undefined, undefined]);
  assert.deepEqual([held.sentBack, waiting.sentBack], [1, 1]);
  assert.deepEqual(world.cache.identities(), []);
  world.ca.release();
  await world.clock.advance(days(2));
  assert.deepEqual(world.cache.identities(), []);
  assert.equal(world.renewals.length, 2, 'nothing more was asked for');
});

test('who is allowed again gets a new certificate, and the old one stays forgotten', async () => {
  const judge = new Dictator();
  await using world = await CacheWorld.start({ judge });
  const before = world.listen(world.caller('web'));
  await settle();
  judge.verdict = REFUSED;
  world.cache.revoke(judge);
  judge.verdict = { allowed: true };
  const after = world.listen(world.caller('web'));
  await settle();
  assert.ok(after.certificate);
  assert.notEqual(after.certificate.serial, before.certificate?.serial);
  // What was planned for the old one must not take the new one away.
  await world.clock.advance(hours(1));
  assert.equal(after.served, after.certificate);
});

test('nothing is issued to an identity that the policy refuses', async () => {
  const judge = new Dictator();
  judge.verdict = REFUSED;
  await using world = await CacheWorld.start({ judge });
  const listener = world.listen(world.caller('web'));
  await settle();
  assert.equal(listener.served, undefined);
  assert.equal(world.cache.identities()[0]?.lastError?.code, 'identity-not-allowed');
});
