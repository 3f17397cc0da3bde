import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { TokenRefusal, TokenReview, TokenReviewer } from '../core/token-reviewer.ts';
import type { TokenVerifier, VerifiedToken } from '../core/token-verifier.ts';
import { type TokenExpectations, toVerifiedToken } from './service-account-claims.ts';
import { parseUnverifiedClaims } from './token-parts.ts';
import { UNSIGNED_TOKEN } from './unsigned-token.ts';

/** A pod that is deleted takes its tokens along; so long may that go unnoticed. */
const GOOD_FOR_MS = 300_000;

export interface TokenReviewVerifierOptions {
  readonly reviewer: TokenReviewer;
  readonly trustDomain: string;
  /** The token has to be for one of them. Never empty: then the server would look for its own. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
}

/**
 * The verifier `kubernetes`: has the API server review each token, so that one whose pod or service account is gone is
 * refused.
 *
 * What the token says of itself is looked at first: that costs nothing, and what is wrong by its own words is no
 * reason to ask anybody. Nothing is believed that the server has not confirmed: it verifies the signature over the
 * same words.
 */
export class TokenReviewVerifier implements TokenVerifier {
  readonly name = 'kubernetes';
  readonly #reviewer: TokenReviewer;
  readonly #expected: TokenExpectations;
  readonly #clock: Clock;

  constructor({ reviewer, trustDomain, audiences, clock }: TokenReviewVerifierOptions) {
    this.#reviewer = reviewer;
    this.#expected = { trustDomain, audiences };
    this.#clock = clock;
  }

  async verify(token: Token, signal: AbortSignal): Promise<VerifiedToken> {
    const claims = parseUnverifiedClaims(token.reveal());
    const claimed = toVerifiedToken(claims, this.#expected, this.#clock.now());
    const review = await this.#review(token, signal);
    if (!review.authenticated) throw this.#refused(review.refusal);
    const { audiences } = this.#expected;
    // A server that knows nothing of audiences answers without any.
    if (!audiences.some((audience) => review.audiences.includes(audience))) throw this.#refused('audience');
    const { sub } = claims;
    const isSame = review.username === sub && (review.podUid ?? claimed.podUid) === claimed.podUid;
    if (!isSame) throw rejected('the API server takes it for somebody else than it says');
    // The review took a while.
    return { ...toVerifiedToken(claims, this.#expected, this.#clock.now()), goodForMs: GOOD_FOR_MS };
  }

  async probe(signal: AbortSignal): Promise<void> {
    const { authenticated } = await this.#review(UNSIGNED_TOKEN, signal);
    if (authenticated) throw new AgentError('internal', 'the API server accepts a token that nobody has signed');
  }

  async #review(token: Token, signal: AbortSignal): Promise<TokenReview> {
    try {
      return await this.#reviewer.review(token, this.#expected.audiences, signal);
    } catch (thrown) {
      const { code, message, retryAfterMs } = toAgentError(thrown);
      if (!code.startsWith('kubernetes-')) throw thrown;
      const details = { cause: thrown, ...(retryAfterMs !== undefined && { retryAfterMs }) };
      throw new AgentError('token-verifier-unavailable', `the token cannot be reviewed: ${message}`, details);
    }
  }

  #refused(refusal: TokenRefusal): AgentError {
    switch (refusal) {
      case 'expired':
        return new AgentError('token-expired', 'the token has expired, says the API server');
      case 'audience':
        return rejected(`its audience is not ${this.#expected.audiences.join(' or ')}, says the API server`);
      case 'withdrawn':
        return rejected('its pod or service account is gone, or another one by now, says the API server');
      case 'other':
        return rejected('the API server refuses it');
    }
  }
}

function rejected(why: string): AgentError {
  return new AgentError('token-rejected', `the token is not accepted: ${why}`);
}
