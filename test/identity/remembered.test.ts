import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { AgentError } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { metered } from '../../src/identity/metered.ts';
import { remembered } from '../../src/identity/remembered.ts';
import { FakeClock, hours } from '../fakes/fake-clock.ts';
import { FakeVerifier, RecordingTokenMeter } from './fake-verifier.ts';

const { signal } = new AbortController();
const token = (name: string): Redacted<string> => new Redacted(`${name}.claims.signature`);

function world(capacity?: number) {
  const clock = new FakeClock();
  const inner = new FakeVerifier(clock.now() + hours(1));
  const meter = new RecordingTokenMeter();
  const lifetime = new AbortController();
  const limit = capacity === undefined ? {} : { capacity };
  const verifier = remembered(metered(inner, meter), { clock, meter, lifetime: lifetime.signal, ...limit });
  return { clock, inner, meter, verifier };
}

function gate(): { promise: Promise<void>; release: () => void } {
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}

test('a token is verified once, however often it comes back', async () => {
  const { inner, verifier, meter } = world();
  const first = await verifier.verify(token('web'), signal);
  for (let time = 0; time < 1000; time++) assert.deepEqual(await verifier.verify(token('web'), signal), first);
  assert.deepEqual(verifier.recall(token('web')), first);
  assert.equal(inner.verified.length, 1);
  assert.deepEqual(new Set(meter.results), new Set(['fake ok', 'fake remembered']));
  assert.equal(meter.results.length, 1002);
});

test('a token that comes with many callers at the same time is verified once', async () => {
  const { inner, verifier, meter } = world();
  const { promise, release } = gate();
  inner.held = promise;
  const waiting = Array.from({ length: 100 }, () => verifier.verify(token('web'), signal));
  release();
  const results = await Promise.all(waiting);
  assert.equal(inner.verified.length, 1);
  assert.equal(new Set(results).size, 1);
  assert.equal(meter.results.filter((result) => result === 'fake ok').length, 1);
  assert.equal(meter.results.filter((result) => result === 'fake remembered').length, 99);
});

test('different tokens are never taken for one another', async () => {
  const { verifier } = world();
  const accounts = Array.from({ length: 50 }, (_, number) => `account-${number}`);
  const verified = await Promise.all(accounts.map((account) => verifier.verify(token(account), signal)));
  assert.deepEqual(
    verified.map(({ spiffeId }) => spiffeId),
    accounts.map((account) => `spiffe://cluster.local/ns/shop/sa/${account}`),
  );
});

test('an expired token is not remembered any more', async () => {
  const { clock, inner, verifier } = world();
  await verifier.verify(token('web'), signal);
  await clock.advance(hours(1) - 1);
  assert.ok(verifier.recall(token('web')));
  await clock.advance(1);
  assert.equal(verifier.recall(token('web')), undefined);
  inner.failure = new AgentError('token-expired', 'the token expired');
  await assert.rejects(verifier.verify(token('web'), signal), { code: 'token-expired' });
});

test('a refusal is told to everybody who waits for it, and is not remembered', async () => {
  const { inner, verifier, meter } = world();
  inner.failure = new AgentError('token-verifier-unavailable', 'out of reach');
  const results = await Promise.allSettled([1, 2, 3].map(() => verifier.verify(token('web'), signal)));
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  assert.deepEqual(meter.results, Array(3).fill('fake token-verifier-unavailable'));
  inner.failure = undefined;
  await verifier.verify(token('web'), signal);
  assert.equal(inner.verified.length, 2);
});

test('a caller who leaves does not end the verification that others wait for', async () => {
  const { inner, verifier } = world();
  const { promise, release } = gate();
  inner.held = promise;
  const leaving = new AbortController();
  const left = verifier.verify(token('web'), leaving.signal);
  const stayed = verifier.verify(token('web'), signal);
  leaving.abort();
  await assert.rejects(left, { code: 'request-cancelled' });
  release();
  await stayed;
});

test('no more tokens are remembered than there is room for, the newest ones', async () => {
  const { inner, verifier } = world(100);
  for (let number = 0; number < 1000; number++) await verifier.verify(token(`account-${number}`), signal);
  const known = Array.from({ length: 1000 }, (_, number) => verifier.recall(token(`account-${number}`)) !== undefined);
  const count = known.filter(Boolean).length;
  assert.ok(count >= 90 && count <= 100, `${count} are remembered`);
  assert.ok(known.slice(-count).every(Boolean));
  assert.equal(inner.verified.length, 1000);
});

test('expired tokens make room before living ones do', async () => {
  const { clock, inner, verifier } = world(10);
  for (let number = 0; number < 4; number++) await verifier.verify(token(`living-${number}`), signal);
  inner.expiresAtMs = clock.now() + 1000;
  for (let number = 0; number < 6; number++) await verifier.verify(token(`dying-${number}`), signal);
  await clock.advance(1000);
  inner.expiresAtMs = clock.now() + hours(1);
  await verifier.verify(token('new'), signal);
  assert.ok(verifier.recall(token('living-0')));
});

test('what is remembered does not hold the token', async () => {
  const { verifier } = world();
  await verifier.verify(token('web'), signal);
  assert.doesNotMatch(inspect(verifier.recall(token('web'))), /signature/);
});
