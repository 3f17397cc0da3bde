// time.ParseDuration of Go: numbers with units, each with an optional fraction, added up.
const PARTS = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

const UNIT_MS = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  // Go takes both the micro sign and the Greek letter mu.
  ['\u00b5s', 1e-3],
  ['\u03bcs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/**
 * Reads a duration in Go's spelling, for example `90s`, `1h30m`, `1.5h` or `300ms`, or `0`; a plus may lead.
 *
 * @returns milliseconds, or undefined for what Go refuses and for negative durations, which nothing here can use
 */
export function parseDuration(text: string): number | undefined {
  const unsigned = text.startsWith('+') ? text.slice(1) : text;
  if (unsigned === '0') return 0;
  if (unsigned === '') return undefined;
  let totalMs = 0;
  for (let at = 0; at < unsigned.length; at = PARTS.lastIndex) {
    PARTS.lastIndex = at;
    const [, number = '', unit = ''] = PARTS.exec(unsigned) ?? [];
    const unitMs = UNIT_MS.get(unit);
    if (unitMs === undefined) return undefined;
    totalMs += Number(number) * unitMs;
  }
  return totalMs;
}

/** A duration in Go's spelling, in the largest units that fit: `1h30m`, `250ms`. Whole milliseconds. */
export function toDurationText(durationMs: number): string {
  if (durationMs === 0) return '0s';
  if (durationMs % 1_000 !== 0) return `${durationMs}ms`;
  const seconds = durationMs / 1_000;
  const parts = [
    [Math.floor(seconds / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.map(([count, unit]) => (count > 0 ? `${count}${unit}` : '')).join('');
}
