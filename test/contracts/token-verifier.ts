import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { AgentError, type ErrorCode } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { TokenVerifier, VerifiedToken } from '../../src/core/token-verifier.ts';
import { type FakeClock, hours, minutes, seconds } from '../fakes/fake-clock.ts';
import { goodClaims, hmacSigned, TokenForge, unsigned } from '../identity/token-forge.ts';

export interface VerifierUnderTest {
  /** Verifies tokens for the audience `istio-ca`, in the trust domain `cluster.local`. */
  readonly verifier: TokenVerifier;
  readonly clock: FakeClock;
  /** The `iss` that the verifier expects. */
  readonly issuer: string;
  /** Signs claims with the issuer's own key; `header` overrides what the header says. */
  readonly sign: (claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>) => string;
  /** The issuer's public key as it is published, for whoever takes it for an HMAC secret. */
  readonly publicKeyText: string;
}

interface Attack {
  readonly what: string;
  readonly code: ErrorCode;
  readonly token: (world: VerifierUnderTest, claims: Readonly<Record<string, unknown>>) => string;
}

const ATTACKS: readonly Attack[] = [
  { what: 'nobody signed (alg none)', code: 'token-rejected', token: (_, claims) => unsigned(claims) },
  { what: 'nobody signed (alg None)', code: 'token-rejected', token: (_, claims) => unsigned(claims, 'None') },
  {
    what: 'nobody signed, under a good algorithm',
    code: 'token-rejected',
    token: (_, claims) => unsigned(claims, 'ES256'),
  },
  {
    what: 'has an HMAC with the public key as secret',
    code: 'token-rejected',
    token: ({ publicKeyText }, claims) => hmacSigned(claims, publicKeyText),
  },
  {
    what: 'somebody else signed under the same key id',
    code: 'token-rejected',
    token: ({ sign }, claims) => {
      const header = JSON.parse(Buffer.from(sign(claims).split('.')[0] ?? '', 'base64url').toString());
      return new TokenForge(header.alg, header.kid).sign(claims);
    },
  },
  {
    what: 'somebody else signed without a key id',
    code: 'token-rejected',
    token: (_, claims) => new TokenForge('ES256').sign(claims, { kid: undefined }),
  },
  {
    what: 'has an unknown key id',
    code: 'token-rejected',
    token: ({ sign }, claims) => sign(claims, { kid: 'other' }),
  },
  {
    what: 'carries its own key in the header',
    code: 'token-rejected',
    token: (_, claims) => {
      const forge = new TokenForge('ES256', 'mine');
      return forge.sign(claims, { jwk: forge.jwk });
    },
  },
  {
    what: 'has a critical header member that nobody understands',
    code: 'token-rejected',
    token: ({ sign }, claims) => sign(claims, { crit: ['exotic'], exotic: true }),
  },
  {
    what: 'has another subject put under the same signature',
    code: 'token-rejected',
    token: ({ sign }, claims) => {
      const [header, , signature] = sign(claims).split('.');
      const payload = JSON.stringify({ ...claims, sub: 'system:serviceaccount:kube-system:admin' });
      return [header, Buffer.from(payload).toString('base64url'), signature].join('.');
    },
  },
  { what: 'is for another audience', code: 'token-rejected', token: ({ sign }, c) => sign({ ...c, aud: ['vault'] }) },
  { what: 'is for nobody', code: 'token-rejected', token: ({ sign }, c) => sign({ ...c, aud: undefined }) },
  { what: 'has another issuer', code: 'token-rejected', token: ({ sign }, c) => sign({ ...c, iss: 'https://evil' }) },
  { what: 'has no issuer', code: 'token-rejected', token: ({ sign }, c) => sign({ ...c, iss: undefined }) },
  { what: 'never expires', code: 'token-rejected', token: ({ sign }, c) => sign({ ...c, exp: undefined }) },
  {
    what: 'has text for its expiry',
    code: 'token-rejected',
    token: ({ sign }, c) => sign({ ...c, exp: '9999999999' }),
  },
  { what: 'expires beyond time itself', code: 'token-rejected', token: ({ sign }, c) => sign({ ...c, exp: 1e300 }) },
  {
    what: 'expired at the beginning of time',
    code: 'token-rejected',
    token: ({ sign }, c) => sign({ ...c, exp: -1e300 }),
  },
  {
    what: 'expires now',
    code: 'token-expired',
    token: ({ sign, clock }, c) => sign({ ...c, exp: clock.now() / 1000 }),
  },
  {
    what: 'is not valid yet, by more than clocks differ',
    code: 'token-rejected',
    token: ({ sign, clock }, c) => sign({ ...c, nbf: (clock.now() + seconds(31)) / 1000 }),
  },
  { what: 'is a person', code: 'token-rejected', token: ({ sign }, c) => sign({ ...c, sub: 'alice@example.com' }) },
  {
    what: 'has a subject with slashes in it',
    code: 'token-rejected',
    token: ({ sign }, c) => sign({ ...c, sub: 'system:serviceaccount:a/sa/b:c' }),
  },
  {
    what: 'has a subject of dots',
    code: 'token-rejected',
    token: ({ sign }, c) => sign({ ...c, sub: 'system:serviceaccount:..:..' }),
  },
  {
    what: 'has a subject with too many parts',
    code: 'token-rejected',
    token: ({ sign }, c) => sign({ ...c, sub: 'system:serviceaccount:shop:web:admin' }),
  },
  { what: 'has a broken header', code: 'token-malformed', token: () => 'bm90IGpzb24.e30.AAAA' },
];

/** The contract of `TokenVerifier` for those that verify signatures themselves: each test makes one of its own. */
export function describeTokenVerifier(name: string, makeVerifier: () => Promise<VerifierUnderTest>): void {
  describe(`${name} keeps the contract of TokenVerifier`, () => {
    const { signal } = new AbortController();

    test('it says whose token it is, until when, and of which pod', async () => {
      const { verifier, clock, issuer, sign } = await makeVerifier();
      const verified = await verifier.verify(new Redacted(sign(goodClaims(clock.now(), { iss: issuer }))), signal);
      assert.deepEqual(
        { ...verified },
        {
          spiffeId: 'spiffe://cluster.local/ns/shop/sa/web',
          expiresAtMs: clock.now() + hours(1),
          podUid: '6d2e8e1c-0a4c-4b62-9d5e-0f3b1c2d3e4f',
        },
      );
    });

    test('a token bound to no pod has no pod UID', async () => {
      const { verifier, clock, issuer, sign } = await makeVerifier();
      const claims = goodClaims(clock.now(), { iss: issuer, 'kubernetes.io': { namespace: 'shop' } });
      assert.equal((await verifier.verify(new Redacted(sign(claims)), signal)).podUid, undefined);
    });

    test('clocks may differ by half a minute at the beginning of a token', async () => {
      const { verifier, clock, issuer, sign } = await makeVerifier();
      const claims = goodClaims(clock.now(), { iss: issuer, nbf: (clock.now() + seconds(30)) / 1000 });
      await verifier.verify(new Redacted(sign(claims)), signal);
    });

    test('a token is good until it expires, and not one moment longer', async () => {
      const { verifier, clock, issuer, sign } = await makeVerifier();
      const token = new Redacted(sign(goodClaims(clock.now(), { iss: issuer })));
      await clock.advance(minutes(60) - 1);
      await verifier.verify(token, signal);
      await clock.advance(1);
      await assert.rejects(verifier.verify(token, signal), { code: 'token-expired' });
    });

    for (const { what, code, token } of ATTACKS) {
      test(`a token that ${what} is ${code}, and the error does not tell a part of it`, async () => {
        const world = await makeVerifier();
        const text = token(world, goodClaims(world.clock.now(), { iss: world.issuer }));
        const thrown = await errorOf(world.verifier.verify(new Redacted(text), signal));
        assert.ok(thrown instanceof AgentError, inspect(thrown));
        assert.equal(thrown.code, code, thrown.message);
        assertUntold(thrown, text);
      });
    }

    test('callers at the same time get each their own answer', async () => {
      const { verifier, clock, issuer, sign } = await makeVerifier();
      const accounts = Array.from({ length: 20 }, (_, number) => `account-${number}`);
      const verified = await Promise.all(
        accounts.map((account) => {
          const claims = goodClaims(clock.now(), { iss: issuer, sub: `system:serviceaccount:shop:${account}` });
          return verifier.verify(new Redacted(sign(claims)), signal);
        }),
      );
      assert.deepEqual(
        verified.map(({ spiffeId }: VerifiedToken) => spiffeId),
        accounts.map((account) => `spiffe://cluster.local/ns/shop/sa/${account}`),
      );
    });
  });
}

/** What a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => assert.fail('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
}

/** No part of the token, encoded or decoded, is in the error, its stack or its causes. */
export function assertUntold(thrown: unknown, token: string): void {
  const told = inspect(thrown, { depth: Number.POSITIVE_INFINITY, showHidden: true });
  const parts = token.split('.');
  const decoded = parts.map((part) => Buffer.from(part, 'base64url').toString());
  for (const part of [...parts, ...decoded]) {
    // Less than eight characters may be there by chance.
    assert.ok(part.length < 8 || !told.includes(part), `the error tells ${part}: ${told}`);
  }
}
