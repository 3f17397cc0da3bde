import type { Token } from './caller.ts';
import type { SpiffeId } from './spiffe-id.ts';

export interface VerifiedToken {
  readonly spiffeId: SpiffeId;
  /** Wall-clock milliseconds after which the token is not valid any more. */
  readonly expiresAtMs: number;
  /** The UID of the pod that the token is bound to, where it is bound to one. */
  readonly podUid?: string;
  /** How long the verdict may be remembered, at most; absent: until the token expires. */
  readonly goodForMs?: number;
}

/**
 * Says whose token it is.
 *
 * An implementation
 * - MUST reject with an `AgentError` of the `token-*` family for a token that is not acceptable now;
 *   `token-verifier-unavailable` when it cannot tell (keys or API server out of reach);
 * - MUST verify signature, algorithm (asymmetric ones only, never `none`), audience, expiry and not-before;
 * - MUST NOT log, echo or keep the token: a digest may be kept;
 * - MUST honour the signal and be safe for concurrent calls.
 */
export interface TokenVerifier {
  /** The verifier's name as in `TOKEN_VERIFIER`; a metric label. */
  readonly name: string;
  verify(token: Token, signal: AbortSignal): Promise<VerifiedToken>;
  /**
   * Rejects with `token-verifier-unavailable` when it cannot tell good tokens from bad ones now. Without it, it is given
   * a token that nobody has signed.
   */
  probe?(signal: AbortSignal): Promise<void>;
}
