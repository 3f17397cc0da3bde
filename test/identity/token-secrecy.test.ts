import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { AgentError } from '../../src/core/agent-error.ts';
import { JwtVerifier } from '../../src/identity/jwt-verifier.ts';
import { parseKeySet } from '../../src/identity/key-set.ts';
import { metered } from '../../src/identity/metered.ts';
import { remembered } from '../../src/identity/remembered.ts';
import { TokenAuthenticator } from '../../src/identity/token-authenticator.ts';
import { assertUntold } from '../contracts/token-verifier.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingTokenMeter } from './fake-verifier.ts';
import { AUDIENCE, goodClaims, ISSUER, keySetOf, TokenForge } from './token-forge.ts';

const clock = new FakeClock();
const { signal } = new AbortController();
const forge = new TokenForge();
const keys = parseKeySet(keySetOf(forge));
const GOOD = forge.sign(goodClaims(clock.now()));

function authenticate(authorization: string) {
  const finder = { keysFor: async (header: Parameters<typeof keys.fitting>[0]) => keys.fitting(header) };
  const expected = { trustDomain: 'cluster.local', audiences: [AUDIENCE], issuer: ISSUER };
  const meter = new RecordingTokenMeter();
  const verifier = metered(new JwtVerifier('jwks', finder, expected, clock), meter);
  const authenticator = new TokenAuthenticator({
    verifier: remembered(verifier, { clock, meter, lifetime: signal }),
    meter,
    sharing: 'service-account',
  });
  const metadata = { getAll: (name: string) => (name === 'authorization' ? [authorization] : []) };
  return authenticator.authenticate({
    path: '/test',
    metadata,
    connectionId: 1,
    peer: undefined,
    callerKnown: () => {},
    signal,
  });
}

test('a caller prints without token', async () => {
  const caller = await authenticate(GOOD);
  for (const told of [inspect(caller, { depth: 9, showHidden: true }), JSON.stringify(caller), `${caller.token}`]) {
    assert.match(told, /\[redacted\]|spiffe/);
    for (const part of GOOD.split('.')) assert.ok(!told.includes(part));
  }
});

test('a token with anything changed is refused, and the error tells no part of it', async () => {
  // The last character of the signature has bits that mean nothing.
  const position = fc.nat(GOOD.length - 2);
  const piece = fc.oneof(fc.constantFrom('', '.', 'A', '-', '=', ' ', '\n', '"', '\0', 'é'), fc.base64String());
  await fc.assert(
    fc.asyncProperty(position, fc.nat(3), piece, async (at, drop, insert) => {
      const changed = GOOD.slice(0, at) + insert + GOOD.slice(at + drop);
      fc.pre(changed.trim() !== GOOD && changed.slice(0, -1) !== GOOD.slice(0, -1));
      const thrown = await authenticate(changed).then(
        () => assert.fail(`accepted ${changed}`),
        (error: unknown) => error,
      );
      assert.ok(thrown instanceof AgentError, inspect(thrown));
      assert.match(thrown.code, /^token-(malformed|rejected|ambiguous)$/);
      assertUntold(thrown, changed);
    }),
    { numRuns: 300 },
  );
});

test('a signed token with any claims is accepted or refused by rule, and the error tells no part of it', async () => {
  const claim = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined));
  const claims = fc.dictionary(fc.constantFrom('iss', 'sub', 'aud', 'exp', 'nbf', 'kubernetes.io'), claim);
  await fc.assert(
    fc.asyncProperty(claims, async (overrides) => {
      const token = forge.sign(goodClaims(clock.now(), overrides));
      const outcome = await authenticate(token).catch((error: unknown) => error);
      if (outcome instanceof AgentError) {
        assert.match(outcome.code, /^token-(rejected|expired)$/, inspect(outcome));
        assertUntold(outcome, token);
      } else {
        assert.ok(!(outcome instanceof Error), inspect(outcome));
      }
    }),
    { numRuns: 300 },
  );
});

test('a signed token whose payload is no claims is malformed', async () => {
  for (const payload of ['', '[]', 'null', '"text"', '{"sub":', '\u0000']) {
    const thrown = await authenticate(forge.sign(payload)).catch((error: unknown) => error);
    assert.ok(thrown instanceof AgentError, `${payload} was accepted`);
    assert.equal(thrown.code, 'token-malformed', thrown.message);
  }
});
