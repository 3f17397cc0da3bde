export interface BackoffPolicy {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * How long to wait before try number `attempt` (1 = the first retry): exponential with full jitter, so that many
 * who failed together do not come back together. Never below a tenth of the step, so that it is a wait at all.
 *
 * @param random a number in [0, 1)
 * @returns whole milliseconds
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: number): number {
  // 2 ** 30 already exceeds any sensible policy; the bound keeps the arithmetic finite.
  const stepMs = Math.min(policy.longestMs, policy.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(stepMs * (0.1 + 0.9 * random));
}
