import type { AgentError, Disposition } from '../core/agent-error.ts';
import { type BackoffPolicy, backoffMs } from '../runtime/backoff.ts';

/** When to try again after a failed issuance. Nothing ever gives up: the slow lane is slow, not closed. */
const RETRIES = {
  transient: { firstMs: 1000, longestMs: 60_000 },
  permanent: { firstMs: 30_000, longestMs: 600_000 },
  bug: { firstMs: 30_000, longestMs: 600_000 },
} satisfies Record<Disposition, BackoffPolicy>;

/** When to send another stream back for a fresh token, if the last one came back without. */
const TOKEN_REQUESTS: BackoffPolicy = { firstMs: 60_000, longestMs: 900_000 };

/**
 * How long to wait after the failure number `failures` of an identity; never shorter than the CA asked for.
 *
 * @param random a number in [0, 1)
 */
export function retryDelayMs(error: AgentError, failures: number, random: number): number {
  return Math.max(error.retryAfterMs ?? 0, backoffMs(RETRIES[error.disposition], failures, random));
}

/** How long to wait for a fresh token before somebody else is sent for one. */
export function tokenPatienceMs(requests: number, random: number): number {
  // Half fixed, so that streams of one identity never end shortly after each other.
  return (backoffMs(TOKEN_REQUESTS, requests, 1) + backoffMs(TOKEN_REQUESTS, requests, random)) / 2;
}
