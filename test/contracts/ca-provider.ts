import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { AgentError } from '../../src/core/agent-error.ts';
import type { SignRequest } from '../../src/core/ca-provider.ts';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId, type SpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair, type KeyPair } from '../../src/keys/key-pair.ts';
import { type VerifiedIssuance, verifyIssuance } from '../../src/keys/verify-issuance.ts';
import type { CaFault, CaUnderTest } from './ca-under-test.ts';

// For who gets this file as `sds-node-agent/testing`.
export type { Clock } from '../../src/core/clock.ts';
export { systemClock } from '../../src/runtime/system-clock.ts';
export type { CaFault, CaFaults, CaUnderTest } from './ca-under-test.ts';

const HOUR_MS = 3_600_000;
const P256: KeySpec = { algorithm: 'ecdsa', curve: 'P256' };
const KEYS: readonly KeySpec[] = [P256, { algorithm: 'ecdsa', curve: 'P384' }, { algorithm: 'rsa', bits: 2048 }];
const WEB = serviceAccountId('cluster.local', 'shop', 'web');
const ADMIN = parseSpiffeId('spiffe://cluster.local/ns/kube-system/sa/admin');
const UNSEEN = 'not-to-be-seen-anywhere';
const UNSEEN_TOKEN = new Redacted(`eyJhbGciOiJFUzI1NiJ9.${UNSEEN}.c2lnbmF0dXJl`);

/** The faults whose answers the issuer refuses later, where the provider has not done so before. */
const LATER: readonly CaFault[] = ["somebody else's certificate", 'expired certificate'];
/** As the contract allows, counted in steps: one in which this process does not get its turn counts once. */
const ABORT_MS = 100;
const STEP_MS = 5;

/** Makes a CA and its provider for one test, and disposes of them after it. */
export type MakeCa = () => Promise<CaUnderTest>;

/**
 * The contract of `CaProvider`, for every implementation: call it in a test file of `node:test`. Each test makes a
 * CA of its own. What a CA cannot do (see `CaUnderTest`) is left out, and shows as a missing test, never as a skip.
 *
 * @param name begins the tests' names
 * @param can what the CA of `makeCa` can be made to do; has to agree with what `makeCa` gives
 */
export function describeCaProvider(
  name: string,
  makeCa: MakeCa,
  can: { readonly faults?: true; readonly badTokens?: true; readonly changeRoot?: true } = {},
): void {
  describe(`${name} keeps the contract of CaProvider`, { timeout: 120_000 }, () => {
    signing(makeCa);
    roots(makeCa);
    secrecy(makeCa);
    aborting(makeCa);
    if (can.badTokens === true) refusingTokens(makeCa);
    if (can.faults === true) failing(makeCa);
    if (can.changeRoot === true) changingRoots(makeCa);
  });
}

function signing(makeCa: MakeCa): void {
  test('it has a name', async (t) => {
    const { provider } = await make(t, makeCa);
    assert.match(provider.name, /^\S+$/);
  });

  for (const spec of KEYS) {
    test(`a certificate for ${inspect(spec)} is for the identity and the key asked for, and reaches the roots`, async (t) => {
      await signAndVerify(await make(t, makeCa), WEB, spec);
    });
  }

  test('a name in the request that is not the caller’s gives the caller’s certificate or none', async (t) => {
    const ca = await make(t, makeCa);
    const keyPair = await createKeyPair(P256);
    const request = { ...(await requestFor(ca, keyPair, WEB)), csr: createCsr(keyPair, ADMIN) };
    const chain = await ca.provider.sign(request, never()).catch((error: unknown) => {
      assert.ok(isCaError(error), inspect(error));
      return undefined;
    });
    if (chain !== undefined) await verify(ca, chain, keyPair, WEB);
  });

  test('it gives no longer a life than was asked for', async (t) => {
    const ca = await make(t, makeCa);
    const { notAfterMs } = await signAndVerify(ca, WEB);
    assert.ok(notAfterMs <= ca.clock.now() + HOUR_MS + 1000, `it lives until ${notAfterMs}`);
  });

  test('fifty concurrent calls each get their own certificate', async (t) => {
    const ca = await make(t, makeCa);
    const ids = Array.from({ length: 50 }, (_, index) => serviceAccountId('cluster.local', 'shop', `web-${index}`));
    const issued = await Promise.all(ids.map((id) => signAndVerify(ca, id)));
    assert.equal(new Set(issued.map(({ serial }) => serial)).size, ids.length);
  });
}

function roots(makeCa: MakeCa): void {
  test('the roots are there once a certificate is, and the same when nothing has happened', async (t) => {
    const ca = await make(t, makeCa);
    await signAndVerify(ca, WEB);
    const found = await ca.provider.roots(never());
    assert.ok(found.length > 0);
    assert.deepEqual(await ca.provider.roots(never()), found);
  });

  test('watching the roots ends without an error when the signal aborts', { timeout: 10_000 }, async (t) => {
    const { provider } = await make(t, makeCa);
    if (provider.watchRoots === undefined) return;
    const controller = new AbortController();
    const next = provider.watchRoots(controller.signal)[Symbol.asyncIterator]().next();
    controller.abort();
    assert.equal((await next).done, true);
    const after = provider.watchRoots(controller.signal)[Symbol.asyncIterator]();
    assert.equal((await after.next()).done, true);
  });
}

function secrecy(makeCa: MakeCa): void {
  test('a request that is none is refused with an error that shows neither token nor request', async (t) => {
    const ca = await make(t, makeCa);
    const keyPair = await createKeyPair(P256);
    const request = await requestFor(ca, keyPair, WEB);
    const csr = Buffer.from(request.csr);
    csr[csr.length - 1] = (csr.at(-1) ?? 0) ^ 1;
    const error = await rejection(ca.provider.sign({ ...request, csr }, never()));
    for (const secret of [request.token.reveal(), csr.toString('base64').slice(10, 40)]) unseen(secret, ca, error);
  });

  test('inspecting the provider shows no private key and no token', async (t) => {
    const ca = await make(t, makeCa);
    const keyPair = await createKeyPair(P256);
    const request = await requestFor(ca, keyPair, WEB);
    await ca.provider.sign(request, never());
    unseen(request.token.reveal(), ca);
    assert.doesNotMatch(shownOf(ca), /PRIVATE KEY/);
  });
}

function aborting(makeCa: MakeCa): void {
  test('a call whose signal has aborted is settled with an error of the CA family', { timeout: 10_000 }, async (t) => {
    const ca = await make(t, makeCa);
    const request = await requestFor(ca, await createKeyPair(P256), WEB);
    await rejection(ca.provider.sign(request, AbortSignal.abort()));
    await rejection(ca.provider.roots(AbortSignal.abort()));
  });
}

function refusingTokens(makeCa: MakeCa): void {
  for (const kind of ['wrong', 'expired'] as const) {
    test(`a token that is ${kind} is ca-token-rejected, and not shown`, async (t) => {
      const ca = await make(t, makeCa);
      const tokens = await ca.badTokens?.();
      assert.ok(tokens !== undefined, 'makeCa gives no badTokens');
      const request = await requestFor(ca, await createKeyPair(P256), WEB);
      const error = await rejection(ca.provider.sign({ ...request, token: tokens[kind] }, never()));
      assert.equal(error.code, 'ca-token-rejected', inspect(error));
      unseen(tokens[kind].reveal(), ca, error);
    });
  }
}

function failing(makeCa: MakeCa): void {
  test('a CA that is down is ca-unavailable, and works again when it is back', async (t) => {
    const ca = await make(t, makeCa);
    const faults = faultsOf(ca);
    await signAndVerify(ca, WEB);
    await faults.set('down');
    const request = await requestFor(ca, await createKeyPair(P256), WEB);
    const error = await rejection(ca.provider.sign(request, never()));
    assert.equal(error.code, 'ca-unavailable', inspect(error));
    unseen(request.token.reveal(), ca, error);
    await faults.set(undefined);
    await signAndVerify(ca, WEB);
  });

  test('an abort ends a call to a CA that hangs, and leaves nothing running', { timeout: 30_000 }, async (t) => {
    const ca = await make(t, makeCa);
    const faults = faultsOf(ca);
    await faults.set('hangs');
    const controller = new AbortController();
    const request = await requestFor(ca, await createKeyPair(P256), WEB);
    const outcome = rejection(ca.provider.sign(request, controller.signal));
    while (faults.openRequests() === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    const error = await Promise.race([outcome, responsiveTime(ABORT_MS)]);
    assert.ok(error !== undefined, `the call has not ended ${ABORT_MS} ms after the abort`);
    assert.equal(error.code, 'ca-timeout', inspect(error));
    while (faults.openRequests() > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  for (const fault of ['garbage', 'empty chain'] as const) {
    test(`a CA that answers with ${fault} is ca-answer-invalid`, async (t) => {
      const ca = await make(t, makeCa);
      await faultsOf(ca).set(fault);
      const request = await requestFor(ca, await createKeyPair(P256), WEB);
      const error = await rejection(ca.provider.sign(request, never()));
      assert.equal(error.code, 'ca-answer-invalid', inspect(error));
      unseen(request.token.reveal(), ca, error);
    });
  }

  for (const fault of LATER) {
    test(`${fault} is never taken for the one asked for`, async (t) => {
      const ca = await make(t, makeCa);
      await signAndVerify(ca, WEB);
      await faultsOf(ca).set(fault);
      const error = await rejection(signAndVerify(ca, WEB));
      assert.equal(error.code, 'ca-answer-invalid', inspect(error));
    });
  }
}

function changingRoots(makeCa: MakeCa): void {
  test('a new root of the CA is among the roots when its first certificate is there', async (t) => {
    const ca = await make(t, makeCa);
    assert.ok(ca.changeRoot !== undefined, 'makeCa gives no changeRoot');
    await signAndVerify(ca, WEB);
    const before = await ca.provider.roots(never());
    await ca.changeRoot();
    await signAndVerify(ca, WEB);
    assert.notDeepEqual(await ca.provider.roots(never()), before);
  });
}

async function make(t: TestContext, makeCa: MakeCa): Promise<CaUnderTest> {
  const ca = await makeCa();
  t.after(() => ca[Symbol.asyncDispose]?.());
  return ca;
}

async function requestFor(ca: CaUnderTest, keyPair: KeyPair, id: SpiffeId): Promise<SignRequest> {
  const token = (await ca.tokenFor?.(id)) ?? UNSEEN_TOKEN;
  return { id, csr: createCsr(keyPair, id), ttlMs: HOUR_MS, token };
}

async function signAndVerify(ca: CaUnderTest, id: SpiffeId, spec: KeySpec = P256): Promise<VerifiedIssuance> {
  const keyPair = await createKeyPair(spec);
  const chain = await ca.provider.sign(await requestFor(ca, keyPair, id), never());
  return await verify(ca, chain, keyPair, id);
}

/** As the issuer does before anything is served. */
async function verify(
  { provider, clock }: CaUnderTest,
  chain: readonly Uint8Array[],
  { publicKeyDer }: KeyPair,
  spiffeId: SpiffeId,
): Promise<VerifiedIssuance> {
  const trusted = await provider.roots(never());
  return verifyIssuance({ chain, roots: trusted, spiffeId, publicKeyDer, nowMs: clock.now() });
}

async function rejection(promise: Promise<unknown>): Promise<AgentError> {
  const error = await promise.then(
    (value) => assert.fail(`it resolved to ${inspect(value)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(isCaError(error), inspect(error));
  return error;
}

function isCaError(error: unknown): error is AgentError {
  return error instanceof AgentError && error.code.startsWith('ca-');
}

function faultsOf({ faults }: CaUnderTest): NonNullable<CaUnderTest['faults']> {
  assert.ok(faults !== undefined, 'makeCa gives no faults');
  return faults;
}

/** Everything that could come to somebody's eyes. */
function shownOf({ provider, logged }: CaUnderTest, error?: AgentError): string {
  const shown = [inspect(provider, { depth: 20, showHidden: true }), JSON.stringify(provider), logged?.() ?? ''];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    shown.push(inspect(cause, { depth: 10, showHidden: true }), cause.message, String(cause.stack));
  }
  return shown.join('\n');
}

function unseen(secret: string, ca: CaUnderTest, error?: AgentError): void {
  const shown = shownOf(ca, error);
  // Each part of a token is a secret: its middle says who, its end is the proof.
  for (const part of secret.split('.').filter(({ length }) => length > 12)) {
    assert.ok(!shown.includes(part), `it shows a part of the token or of the request:\n${shown}`);
  }
}

/** Resolves after so much time in which this process could work, so that a busy machine makes nobody late. */
async function responsiveTime(durationMs: number): Promise<undefined> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** A signal that never aborts. */
function never(): AbortSignal {
  return new AbortController().signal;
}
