import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts';

/**
 * Whether a CA is worth asking first, as a value, changed only by the functions beside it.
 *
 *     closed --failures in a row--> open --cool-down is over--> half-open --success--> closed
 *                                     ^------------failure----------'
 */
export type CircuitBreaker =
  | { readonly state: 'closed'; readonly failures: number }
  /** `trips` counts how often it has opened since it was closed: the cool-down grows with it. */
  | { readonly state: 'open'; readonly trips: number; readonly probeAtMs: number }
  /** One request is out to see whether the CA works again. */
  | { readonly state: 'half-open'; readonly trips: number };

/** One failure may be the request's own bad luck; three in a row are the CA's. */
const FAILURES_TO_OPEN = 3;

const COOL_DOWN: BackoffPolicy = { firstMs: 5000, longestMs: 60_000 };

/** How a CA begins, and what it is again after each answer. */
export const CLOSED: CircuitBreaker = { state: 'closed', failures: 0 };

/** Whether a request may go to the CA in its turn. If not, it may when nobody else could serve it. */
export function isAdmitted(breaker: CircuitBreaker, nowMs: number): boolean {
  switch (breaker.state) {
    case 'closed':
      return true;
    case 'open':
      return nowMs >= breaker.probeAtMs;
    case 'half-open':
      return false;
  }
}

/** A request goes out: it is the probe, where one is due. */
export function asked(breaker: CircuitBreaker, nowMs: number): CircuitBreaker {
  const probe = breaker.state === 'open' && nowMs >= breaker.probeAtMs;
  return probe ? { state: 'half-open', trips: breaker.trips } : breaker;
}

export interface FailureTime {
  /** Monotonic. */
  readonly nowMs: number;
  /** How long the CA itself asked to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** A number in [0, 1). */
  readonly random: number;
}

/** The CA could not answer. */
export function failed(breaker: CircuitBreaker, time: FailureTime): CircuitBreaker {
  switch (breaker.state) {
    case 'closed':
      return breaker.failures + 1 < FAILURES_TO_OPEN
        ? { state: 'closed', failures: breaker.failures + 1 }
        : opened(1, time);
    case 'half-open':
      return opened(breaker.trips + 1, time);
    case 'open':
      // A request that had begun before, or that nobody else could serve: nothing new.
      return breaker;
  }
}

/** A request was given up by whoever sent it, and has shown nothing. If it was the probe, the next one is. */
export function givenUp(breaker: CircuitBreaker, nowMs: number): CircuitBreaker {
  return breaker.state === 'half-open' ? { state: 'open', trips: breaker.trips, probeAtMs: nowMs } : breaker;
}

function opened(trips: number, { nowMs, retryAfterMs = 0, random }: FailureTime): CircuitBreaker {
  const coolDownMs = Math.max(retryAfterMs, backoffMs(COOL_DOWN, trips, random));
  return { state: 'open', trips, probeAtMs: nowMs + coolDownMs };
}
