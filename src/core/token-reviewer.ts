import type { Token } from './caller.ts';

/** What a Kubernetes API server says of a token (authentication.k8s.io/v1, TokenReview). */
export type TokenReview =
  | {
      readonly authenticated: true;
      /** Such as `system:serviceaccount:shop:web`. */
      readonly username: string;
      /** The UID of the pod that the token is bound to. */
      readonly podUid?: string;
      /** Those of the audiences asked for that the token is made for. */
      readonly audiences: readonly string[];
    }
  | { readonly authenticated: false; readonly refusal: TokenRefusal };

/** Why a token is refused: it, or what it is bound to, is at its end; it is for somebody else; or anything else. */
export type TokenRefusal = 'expired' | 'audience' | 'withdrawn' | 'other';

/**
 * A Kubernetes API server, as far as it knows tokens.
 *
 * An implementation MUST reject with an `AgentError` of the `kubernetes-*` family, MUST NOT log, echo or keep the
 * token, MUST honour the signal and be safe for concurrent calls. It remembers nothing: its callers do.
 */
export interface TokenReviewer {
  /** Has a token looked at, for whoever is one of these audiences. */
  review(token: Token, audiences: readonly string[], signal: AbortSignal): Promise<TokenReview>;
  /** The public keys that verify the cluster's tokens: a JSON Web Key Set, as text. */
  keySet(signal: AbortSignal): Promise<string>;
}
