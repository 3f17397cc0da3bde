import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { AgentError } from '../../src/core/agent-error.ts';
import type { CaProvider, SignRequest } from '../../src/core/ca-provider.ts';
import type { Clock } from '../../src/core/clock.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId, type SpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair, type KeyPair, type KeySpec } from '../../src/keys/key-pair.ts';
import { verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { hours } from '../fakes/fake-clock.ts';

export interface ProviderUnderTest {
  readonly provider: CaProvider;
  /** The time by which the CA signs. */
  readonly clock: Clock;
}

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.not-to-be-seen-anywhere.c2lnbmF0dXJl';
const KEYS: readonly KeySpec[] = [
  { algorithm: 'ecdsa', curve: 'P256' },
  { algorithm: 'ecdsa', curve: 'P384' },
  { algorithm: 'rsa', bits: 2048 },
];

/** The contract of `CaProvider`, for every implementation: each test makes a provider of its own. */
export function describeCaProvider(name: string, makeProvider: () => Promise<ProviderUnderTest>): void {
  describe(`${name} keeps the contract of CaProvider`, () => {
    const { signal } = new AbortController();

    test('it has a name', async () => {
      const { provider } = await makeProvider();
      assert.match(provider.name, /^\S+$/);
    });

    for (const spec of KEYS) {
      test(`a certificate for ${inspect(spec)} is for the identity and the key asked for, and reaches the roots`, async () => {
        const { provider, clock } = await makeProvider();
        const keyPair = await createKeyPair(spec);
        await signAndVerify(provider, clock, keyPair, serviceAccountId('cluster.local', 'shop', 'web'), signal);
      });
    }

    test('names in the request count for nothing: the identity does', async () => {
      const { provider, clock } = await makeProvider();
      const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
      const spiffeId = serviceAccountId('cluster.local', 'shop', 'web');
      const csr = createCsr(keyPair, parseSpiffeId('spiffe://cluster.local/ns/kube-system/sa/admin'));
      const chain = await provider.sign({ ...requestFor(keyPair, spiffeId), csr }, signal);
      const roots = await provider.roots(signal);
      verifyIssuance({ chain, roots, spiffeId, publicKeyDer: keyPair.publicKeyDer, nowMs: clock.now() });
    });

    test('it gives no longer a life than was asked for', async () => {
      const { provider, clock } = await makeProvider();
      const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
      const spiffeId = serviceAccountId('cluster.local', 'shop', 'web');
      const { notAfterMs } = await signAndVerify(provider, clock, keyPair, spiffeId, signal);
      assert.ok(notAfterMs <= clock.now() + hours(1) + 1000, `it lives until ${notAfterMs}`);
    });

    test('fifty concurrent calls each get their own certificate', async () => {
      const { provider, clock } = await makeProvider();
      const calls = Array.from({ length: 50 }, async (_, index) => {
        const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
        return signAndVerify(
          provider,
          clock,
          keyPair,
          serviceAccountId('cluster.local', 'shop', `web-${index}`),
          signal,
        );
      });
      const serials = (await Promise.all(calls)).map(({ serial }) => serial);
      assert.equal(new Set(serials).size, 50);
    });

    test('the roots are never empty, and the same when nothing has happened', async () => {
      const { provider } = await makeProvider();
      const roots = await provider.roots(signal);
      assert.ok(roots.length > 0);
      assert.deepEqual(await provider.roots(signal), roots);
    });

    test('a call whose signal has aborted is settled with an error of the CA family', { timeout: 10_000 }, async () => {
      const { provider } = await makeProvider();
      const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
      const request = requestFor(keyPair, serviceAccountId('cluster.local', 'shop', 'web'));
      await assert.rejects(provider.sign(request, AbortSignal.abort()), isCaError);
      await assert.rejects(provider.roots(AbortSignal.abort()), isCaError);
    });

    test('watching the roots ends without an error when the signal aborts', { timeout: 10_000 }, async (t) => {
      const { provider } = await makeProvider();
      if (provider.watchRoots === undefined) return t.skip('it does not watch its roots');
      const controller = new AbortController();
      const iterator = provider.watchRoots(controller.signal)[Symbol.asyncIterator]();
      const next = iterator.next();
      controller.abort();
      assert.equal((await next).done, true);
      const never = provider.watchRoots(controller.signal)[Symbol.asyncIterator]();
      assert.equal((await never.next()).done, true);
    });

    test('a request that is none is refused with an error that shows neither token nor request', async () => {
      const { provider } = await makeProvider();
      const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
      const request = requestFor(keyPair, serviceAccountId('cluster.local', 'shop', 'web'));
      const csr = Buffer.from(request.csr);
      csr[csr.length - 1] = (csr.at(-1) ?? 0) ^ 1;
      await assert.rejects(provider.sign({ ...request, csr }, signal), (error) => {
        assert.ok(isCaError(error));
        const shown = inspect(error, { depth: 10, showHidden: true });
        assert.ok(!shown.includes('not-to-be-seen'), shown);
        assert.ok(!shown.includes(csr.toString('base64').slice(10, 40)), shown);
        return true;
      });
    });

    test('inspecting the provider shows no private key and no token', async () => {
      const { provider, clock } = await makeProvider();
      const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
      await signAndVerify(provider, clock, keyPair, serviceAccountId('cluster.local', 'shop', 'web'), signal);
      const shown = inspect(provider, { depth: 20, showHidden: true }) + JSON.stringify(provider);
      assert.doesNotMatch(shown, /PRIVATE KEY|not-to-be-seen/);
    });
  });
}

function requestFor(keyPair: KeyPair, id: SpiffeId): SignRequest {
  return { id, csr: createCsr(keyPair, id), ttlMs: hours(1), token: new Redacted(TOKEN) };
}

async function signAndVerify(
  provider: CaProvider,
  clock: Clock,
  keyPair: KeyPair,
  spiffeId: SpiffeId,
  signal: AbortSignal,
) {
  const chain = await provider.sign(requestFor(keyPair, spiffeId), signal);
  const roots = await provider.roots(signal);
  return verifyIssuance({ chain, roots, spiffeId, publicKeyDer: keyPair.publicKeyDer, nowMs: clock.now() });
}

function isCaError(error: unknown): error is AgentError {
  return error instanceof AgentError && error.code.startsWith('ca-');
}
