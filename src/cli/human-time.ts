const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A length of time in one unit that still says something: `45s`, `11m`, `36h`, `12d`. Rounded down, sign ignored. */
export function toHumanDuration(durationMs: number): string {
  const ms = Math.abs(durationMs);
  if (ms < 2 * MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < 2 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  return `${Math.floor(ms / DAY_MS)}d`;
}

/** A point in time seen from now: `in 11m`, `now`, `3h ago`. */
export function toHumanTime(atMs: number, nowMs: number): string {
  if (Math.abs(atMs - nowMs) < SECOND_MS) return 'now';
  const duration = toHumanDuration(atMs - nowMs);
  return atMs > nowMs ? `in ${duration}` : `${duration} ago`;
}

/** When something expires: `in 11m`, `expired 2m ago`. */
export function toHumanExpiry(notAfterMs: number, nowMs: number): string {
  return notAfterMs > nowMs
    ? `in ${toHumanDuration(notAfterMs - nowMs)}`
    : `expired ${toHumanDuration(nowMs - notAfterMs)} ago`;
}
