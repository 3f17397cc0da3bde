import { AgentError } from '../core/agent-error.ts';
import type { CaProvider, DerCertificates } from '../core/ca-provider.ts';
import type { Identity, Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { EVERYBODY, type IdentityJudge } from '../core/identity-policy.ts';
import type { KeySpec } from '../core/key-spec.ts';
import type { CertificateSecret } from '../core/secret.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';
import { createCsr } from '../keys/csr.ts';
import { createKeyPair, type KeyPair, type PrivateKeyEncoding } from '../keys/key-pair.ts';
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
  /** Says what is different for one identity, or that it may have nothing; asked for each issuance. Absent: nothing is. */
  readonly judge?: IdentityJudge;
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
   * @throws AgentError of the `ca-*` family, or `identity-not-allowed`
   */
  async issue(
    { spiffeId }: Identity,
    token: Token,
    onAsk: () => void,
    signal: AbortSignal,
  ): Promise<IssuedCertificate> {
    // Before the certificate: where roots change, everybody has to trust the new one first.
    await this.#roots.known(signal);
    const { timeLimitMs, keyEncoding } = this.#policy;
    const { key, ttlMs, maxTtlMs } = this.#termsOf(spiffeId);
    const keyPair = await createKeyPair(key);
    const csr = createCsr(keyPair, spiffeId);
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
    this.#requireShort(verified.notAfterMs, maxTtlMs);
    return toSecret(verified, spiffeId, keyPair, keyEncoding);
  }

  #termsOf(spiffeId: SpiffeId): { readonly key: KeySpec; readonly ttlMs: number; readonly maxTtlMs: number } {
    const { judge, key, ttlMs } = this.#policy;
    const verdict = (judge ?? EVERYBODY).judge(spiffeId);
    if (!verdict.allowed) throw verdict.error;
    const { maxTtlMs = Number.POSITIVE_INFINITY } = verdict;
    return { key: verdict.key ?? key, ttlMs: Math.min(ttlMs, maxTtlMs), maxTtlMs };
  }

  /** A CA may give more than it was asked for; what the policy allows is no wish. */
  #requireShort(notAfterMs: number, maxTtlMs: number): void {
    const lifeMs = notAfterMs - this.#clock.now();
    if (lifeMs <= maxTtlMs + AHEAD_MS) return;
    throw new AgentError(
      'ca-answer-invalid',
      `${this.#provider.name} gave a certificate for ${Math.round(lifeMs / 1000)} s, the policy allows ${maxTtlMs / 1000} s`,
    );
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
