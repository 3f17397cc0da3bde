import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { AgentError } from '../../src/core/agent-error.ts';
import type { JwtAuthority, JwtBundle, JwtSvid } from '../../src/core/jwt-authority.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { minutes, seconds } from '../fakes/fake-clock.ts';

export const WEB = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
const NEVER = new AbortController().signal;

/** An authority of the trust domain `cluster.local`, and a clock that a test can move. */
export interface JwtAuthorityUnderTest {
  readonly authority: JwtAuthority;
  readonly clock: { now(): number; advance(durationMs: number): Promise<void> };
}

export async function currentBundle(authority: JwtAuthority): Promise<JwtBundle> {
  const enough = new AbortController();
  for await (const bundle of authority.watchBundle(enough.signal)) {
    enough.abort();
    return bundle;
  }
  throw new Error('there was no bundle');
}

export function keysIn({ jwks }: JwtBundle): JSONWebKeySet {
  return JSON.parse(jwks);
}

export function signFor(authority: JwtAuthority, audiences = ['reports'], ttlMs = minutes(5)): Promise<JwtSvid> {
  return authority.sign({ id: WEB, audiences, ttlMs }, NEVER);
}

/** The contract of `JwtAuthority`, for every implementation: call it in a test file of `node:test`. */
export function describeJwtAuthority(name: string, make: () => Promise<JwtAuthorityUnderTest>): void {
  describe(`${name} keeps the contract of JwtAuthority`, () => {
    test('a JWT-SVID has the subject, audiences and lifetime asked for, and no header beside alg, kid and typ', async () => {
      const { authority, clock } = await make();
      const token = (await signFor(authority, ['reports', 'billing'])).reveal();
      const { sub, aud, exp = 0, iat = 0 } = decodeJwt(token);
      assert.deepEqual({ sub, aud, life: exp - iat }, { sub: WEB, aud: ['reports', 'billing'], life: 300 });
      assert.ok(exp * 1000 <= clock.now() + minutes(5));
      assert.deepEqual(Object.keys(decodeProtectedHeader(token)).sort(), ['alg', 'kid', 'typ']);
    });

    test('the bundle verifies it, by its kid, in a validator that knows nothing of SPIFFE', async () => {
      const { authority, clock } = await make();
      const bundle = await currentBundle(authority);
      const token = (await signFor(authority)).reveal();
      const currentDate = new Date(clock.now());
      const keys = createLocalJWKSet(keysIn(bundle));
      const { payload } = await jwtVerify(token, keys, { audience: 'reports', currentDate });
      assert.equal(payload.sub, WEB);
    });

    test('the bundle has no private member and a kid for each key', async () => {
      const { authority } = await make();
      for (const key of keysIn(await currentBundle(authority)).keys) {
        assert.equal(key.d, undefined);
        assert.equal(typeof key.kid, 'string');
      }
    });

    test('it validates its own, for each of its audiences, and gives all claims', async () => {
      const { authority } = await make();
      const token = await signFor(authority, ['reports', 'billing']);
      for (const audience of ['reports', 'billing']) {
        const { spiffeId, claims } = await authority.validate(token, audience, NEVER);
        assert.equal(spiffeId, WEB);
        assert.deepEqual(Object.keys(claims).sort(), ['aud', 'exp', 'iat', 'sub']);
      }
    });

    test('another audience, and a token of the past, are refused', async () => {
      const { authority, clock } = await make();
      const token = await signFor(authority);
      await assertInvalid(authority, token, 'payments', /audience/);
      await clock.advance(minutes(5) - seconds(2));
      await authority.validate(token, 'reports', NEVER);
      await clock.advance(seconds(2));
      await assertInvalid(authority, token, 'reports', /expired/);
    });

    for (const [what, change] of Object.entries(FORGERIES)) {
      test(`${what} is refused`, async () => {
        const { authority } = await make();
        const token = (await signFor(authority)).reveal();
        await assertInvalid(authority, new Redacted(change(token)), 'reports', /not valid/);
      });
    }

    test('an abort is honoured', async () => {
      const { authority } = await make();
      const token = await signFor(authority);
      const aborted = AbortSignal.abort();
      await assert.rejects(authority.sign({ id: WEB, audiences: ['a'], ttlMs: 1000 }, aborted), isCaError);
      await assert.rejects(authority.validate(token, 'reports', aborted), isCaError);
      for await (const _ of authority.watchBundle(aborted)) assert.fail('it yielded');
    });
  });
}

const FORGERIES: Readonly<Record<string, (token: string) => string>> = {
  'a token whose subject was changed': (token) => withClaims(token, { sub: 'spiffe://cluster.local/ns/shop/sa/admin' }),
  'a token whose expiry was put off': (token) => withClaims(token, { exp: 9_999_999_999 }),
  'a token with the algorithm none': (token) => {
    const [, claims = ''] = token.split('.');
    return `${encode({ alg: 'none' })}.${claims}.`;
  },
  'a token signed with the public key as an HMAC secret': (token) => withHeader(token, { alg: 'HS256' }),
  'a token of an algorithm that JWT-SVIDs do not have': (token) => withHeader(token, { alg: 'EdDSA' }),
  'a token with a critical header member': (token) => withHeader(token, { crit: ['b64'], b64: false }),
  'a token of an unknown key': (token) => withHeader(token, { kid: 'another' }),
  'a token without its signature': (token) => token.slice(0, token.lastIndexOf('.') + 1),
  'a token of two parts': (token) => token.slice(0, token.lastIndexOf('.')),
  'an empty text': () => '',
};

function withHeader(token: string, members: object): string {
  const [, claims = '', signature = ''] = token.split('.');
  return `${encode({ ...decodeProtectedHeader(token), ...members })}.${claims}.${signature}`;
}

function withClaims(token: string, members: object): string {
  const [header = '', , signature = ''] = token.split('.');
  return `${header}.${encode({ ...decodeJwt(token), ...members })}.${signature}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export async function assertInvalid(
  authority: JwtAuthority,
  token: JwtSvid,
  audience: string,
  message: RegExp,
): Promise<void> {
  await assert.rejects(authority.validate(token, audience, NEVER), (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.code, 'request-invalid');
    assert.match(error.message, message);
    for (const part of token.reveal().split('.')) {
      if (part.length > 10) assert.ok(!inspect(error, { depth: 10 }).includes(part));
    }
    return true;
  });
}

function isCaError(error: unknown): boolean {
  return error instanceof AgentError && error.code.startsWith('ca-');
}
