import type { Token } from './caller.ts';
import type { SpiffeId } from './spiffe-id.ts';

export interface SignRequest {
  /** The identity that was verified. The certificate MUST carry it as its only SAN. */
  readonly id: SpiffeId;
  /** PKCS#10 in DER: empty subject, the SPIFFE ID as a critical URI SAN, signed by the new key. */
  readonly csr: Uint8Array;
  /** The lifetime asked for, in milliseconds. The CA may give less. */
  readonly ttlMs: number;
  /** The workload's own token, for CAs that verify it themselves. */
  readonly token: Token;
}

/** Certificates in DER. */
export type DerCertificates = readonly Uint8Array[];

/**
 * A certificate authority, seen from the agent.
 *
 * An implementation
 * - MUST reject only with an `AgentError` of the `ca-*` family, whose message names what to look at and never
 *   holds the token, the CSR or a key;
 * - MUST honour the signal: within 100 ms of its abort the promise is settled and nothing is left running;
 * - MUST be safe for concurrent calls, and MUST NOT let one call use another call's token;
 * - MUST NOT retry, cache answers, set time limits or count: its callers do;
 * - need not verify what the CA answered: the issuer does that before anything is served.
 */
export interface CaProvider {
  /** The provider's name as in `CA_PROVIDER`; a metric label. */
  readonly name: string;
  /** Has a certificate signed. The chain is DER, leaf first, then intermediates, without the root. */
  sign(request: SignRequest, signal: AbortSignal): Promise<DerCertificates>;
  /**
   * The roots that a peer must trust now, DER, in any order. Empty only while the CA can be reached and has told of
   * none yet: some CAs give their root with a certificate and in no other way.
   */
  roots(signal: AbortSignal): Promise<DerCertificates>;
  /** Yields the roots each time they change, until the signal aborts. Without it `roots` is asked now and then. */
  watchRoots?(signal: AbortSignal): AsyncIterable<DerCertificates>;
}
