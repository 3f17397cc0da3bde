/** When to renew: a share of the lifetime, and how far that share is spread. Both between 0 and 1. */
export interface RenewalPolicy {
  /** Renew when this share of the lifetime is left (`SECRET_GRACE_PERIOD_RATIO`). */
  readonly ratio: number;
  /** ± this (`SECRET_GRACE_PERIOD_RATIO_JITTER`), so that what was issued together is not renewed together. */
  readonly jitter: number;
}

/** A CA that gives next to no lifetime is still not asked more often than this. */
const SHORTEST_WAIT_MS = 1000;

/**
 * When to renew a certificate, drawn once for each: at `notAfter` less a share of its lifetime.
 * The lifetime counts from when it was obtained, not from `notBefore`, which CAs put into the past: otherwise a
 * short certificate would be due before it is there.
 *
 * @param random a number in [0, 1)
 * @returns wall-clock milliseconds, whole ones
 */
export function renewAtMs(obtainedAtMs: number, notAfterMs: number, policy: RenewalPolicy, random: number): number {
  const { ratio, jitter } = policy;
  // However wide the jitter, it goes at most half the way to either end: never at expiry, never over and over.
  const shareLeft = Math.min((1 + ratio) / 2, Math.max(ratio / 2, ratio + jitter * (2 * random - 1)));
  return Math.max(obtainedAtMs + SHORTEST_WAIT_MS, Math.round(notAfterMs - shareLeft * (notAfterMs - obtainedAtMs)));
}
