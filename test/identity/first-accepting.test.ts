import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError, type ErrorCode } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { firstAccepting } from '../../src/identity/first-accepting.ts';
import { metered } from '../../src/identity/metered.ts';
import { FakeVerifier, RecordingTokenMeter } from './fake-verifier.ts';

const { signal } = new AbortController();
const TOKEN = new Redacted('web.claims.signature');

function failing(code: ErrorCode): FakeVerifier {
  const verifier = new FakeVerifier(0);
  verifier.failure = new AgentError(code, code);
  return verifier;
}

test('one verifier alone stays what it is', () => {
  const verifier = new FakeVerifier(0);
  assert.equal(firstAccepting(verifier), verifier);
});

test('a token is good if one accepts it, and who comes after is not asked', async () => {
  const [accepting, after] = [new FakeVerifier(1), new FakeVerifier(2)];
  const verified = await firstAccepting(failing('token-rejected'), accepting, after).verify(TOKEN, signal);
  assert.equal(verified.expiresAtMs, 1);
  assert.equal(after.verified.length, 0);
});

for (const [codes, told] of [
  [['token-rejected', 'token-expired'], 'token-expired'],
  [['token-expired', 'token-verifier-unavailable', 'token-rejected'], 'token-verifier-unavailable'],
  [['token-rejected', 'token-malformed'], 'token-rejected'],
  [['token-malformed', 'token-malformed'], 'token-malformed'],
] as const) {
  test(`when all refuse, by ${codes.join(', ')}, it is ${told}`, async () => {
    const [first, ...others] = codes.map(failing);
    assert.ok(first);
    await assert.rejects(firstAccepting(first, ...others).verify(TOKEN, signal), { code: told });
  });
}

test('what is no verdict on the token ends the search', async () => {
  const after = new FakeVerifier(1);
  await assert.rejects(firstAccepting(failing('request-cancelled'), after).verify(TOKEN, signal), {
    code: 'request-cancelled',
  });
  assert.equal(after.verified.length, 0);
});

test('each verification is counted with how it ended, also by a bug', async () => {
  const meter = new RecordingTokenMeter();
  const inner = new FakeVerifier(1);
  const verifier = metered(inner, meter);
  await verifier.verify(TOKEN, signal);
  inner.failure = new AgentError('token-rejected', 'no');
  await assert.rejects(verifier.verify(TOKEN, signal));
  inner.failure = new TypeError('a bug');
  await assert.rejects(verifier.verify(TOKEN, signal));
  assert.deepEqual(meter.results, ['fake ok', 'fake token-rejected', 'fake internal']);
});
