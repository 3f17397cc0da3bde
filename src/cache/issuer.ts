import { AgentError } from '../core/agent-error.ts';
import type { CaProvider, DerCertificates } from '../core/ca-provider.ts';
import type { Identity, Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { CertificateSecret } from '../core/secret.ts';
import { createCsr } from '../keys/csr.ts';
import { createKeyPair, type KeyPair, type KeySpec, type PrivateKeyEncoding } from '../keys/key-pair.ts';
import { type VerifiedIssuance, verifyIssuance } from '../keys/verify-issuance.ts';
import { withTimeLimit } from '../runtime/time-limit.ts';

/** A certificate that begins this much later is kept until then: many a CA's clock is a little ahead. */
const AHEAD_MS = 5 * 60 * 1000;

/** What is asked of the CA, for every identity alike. */
export interface IssuancePolicy {
  readonly key: KeySpec;
  readonly keyEncoding: PrivateKeyEncoding;
  readonly ttlMs: number;
  /** How long the CA may take for one answer. */
  readonly timeLimitMs: number;
}

/** The roots that an issued certificate has to lead to. */
export interface TrustedRoots {
  /** The roots as they are known; asks the CA when none are known yet. */
  known(signal: AbortSignal): Promise<DerCertificates>;
  /** Asks the CA for its roots again, publishes them, and gives them. */
  refresh(signal: AbortSignal): Promise<DerCertificates>;
  /** The roots as they are published, once those who listen trust them; whoever is slow is not waited for. */
  takenOver(signal: AbortSignal): Promise<DerCertificates>;
}

/** A certificate as the cache keeps it. It begins in the future where the CA's clock is ahead. */
export interface IssuedCertificate extends CertificateSecret {
  /** The roots that it leads to, DER: a peer has to have one of them. */
  readonly anchors: DerCertificates;
}

/**
 * Makes one certificate: a new key, a CSR, the CA's signature, the verification of what it answered. Nothing that
 * was not verified leaves it; it neither retries nor remembers.
 */
export class Issuer {
  readonly #provider: CaProvider;
  readonly #roots: TrustedRoots;
  readonly #clock: Clock;
  readonly #policy: IssuancePolicy;

  constructor(provider: CaProvider, roots: TrustedRoots, clock: Clock, policy: IssuancePolicy) {
    this.#provider = provider;
    this.#roots = roots;
    this.#clock = clock;
    this.#policy = policy;
  }

  /**
   * @param onAsk is called when the CA is asked, if that comes about
   * @throws AgentError of the `ca-*` family
   */
  async issue(
    { spiffeId }: Identity,
    token: Token,
    onAsk: () => void,
    signal: AbortSignal,
  ): Promise<IssuedCertificate> {
    // Before the certificate: where roots change, everybody has to trust the new one first.
    await this.#roots.known(signal);
    const keyPair = await createKeyPair(this.#policy.key);
    const csr = createCsr(keyPair, spiffeId);
    const { ttlMs, timeLimitMs, keyEncoding } = this.#policy;
    const onTimeout = (): AgentError =>
      new AgentError('ca-timeout', `${this.#provider.name} did not sign within ${timeLimitMs} ms`);
    onAsk();
    const chain = await withTimeLimit(this.#clock, timeLimitMs, signal, onTimeout, (limited) =>
      this.#provider.sign({ id: spiffeId, csr, ttlMs, token }, limited),
    );
    const verify = (trusted: DerCertificates): VerifiedIssuance => {
      const nowMs = this.#clock.now();
      return verifyIssuance({
        chain,
        roots: trusted,
        spiffeId,
        publicKeyDer: keyPair.publicKeyDer,
        nowMs,
        aheadMs: AHEAD_MS,
      });
    };
    const verified = await this.#verifyOrRefresh(verify, signal);
    return toSecret(verified, spiffeId, keyPair, keyEncoding);
  }

  /** A chain that does not reach the roots may reach those that the CA has changed to meanwhile. */
  async #verifyOrRefresh(
    verify: (roots: DerCertificates) => VerifiedIssuance,
    signal: AbortSignal,
  ): Promise<VerifiedIssuance> {
    const roots = await this.#roots.takenOver(signal);
    try {
      return verify(roots);
    } catch (thrown) {
      await this.#roots.refresh(signal).catch(() => undefined);
      const fresh = await this.#roots.takenOver(signal);
      if (fresh === roots) throw thrown;
      return verify(fresh);
    }
  }
}

function toSecret(
  { version, chainPem, serial, notBeforeMs, notAfterMs, anchors }: VerifiedIssuance,
  spiffeId: CertificateSecret['spiffeId'],
  keyPair: KeyPair,
  encoding: PrivateKeyEncoding,
): IssuedCertificate {
  const privateKeyPem = keyPair.privateKeyPem(encoding);
  return { kind: 'certificate', version, spiffeId, chainPem, privateKeyPem, serial, notBeforeMs, notAfterMs, anchors };
}
