/** Pure calendar arithmetic in UTC. Reading the clock is the `Clock` port's business, not this file's. */

/** Milliseconds since the epoch of a UTC date; `month` from 1. */
export function utcMs(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The UTC time in ISO 8601, to the second: `2030-01-31T12:00:00Z`. */
export function toIsoTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The time of a text in ISO 8601 in UTC (RFC 3339), as Kubernetes writes it; undefined for any other text. */
export function parseIsoTime(text: string): number | undefined {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
