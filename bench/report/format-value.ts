import type { Unit } from '../finding.ts';

const DECIMALS = {
  ratio: 2,
  times: 2,
  exponent: 2,
  ms: 1,
  µs: 0,
  '% of a core': 2,
  MB: 1,
  streams: 0,
  'at once': 0,
  'a second': 0,
} satisfies Record<Unit, number>;

/** A value for people: `1.08 × floor`, `1.01`, `4.2 ms`. */
export function formatValue(value: number, unit: Unit): string {
  const digits = value.toFixed(DECIMALS[unit]);
  switch (unit) {
    case 'ratio':
      return `${digits} × floor`;
    case 'times':
      return `${digits} ×`;
    case 'exponent':
      return digits;
    case '% of a core':
      return `${digits} % of a core`;
    default:
      return `${digits} ${unit}`;
  }
}

/** Several values with one unit behind them: `3.9, 4.2 and 4.4 ms`. */
export function formatList(values: readonly number[], unit: string, decimals = 1): string {
  const texts = values.map((value) => value.toFixed(decimals));
  const last = texts.pop() ?? '';
  return texts.length === 0 ? `${last} ${unit}` : `${texts.join(', ')} and ${last} ${unit}`;
}
