/** How a value is written: `ratio` 1.08 × floor, `times` 1.08 ×, `exponent` 1.01, durations and sizes in their unit. */
export type Unit =
  | 'ratio'
  | 'times'
  | 'exponent'
  | 'ms'
  | 'µs'
  | '% of a core'
  | 'MB'
  | 'streams'
  | 'at once'
  | 'a second';

/** One target and what was measured against it. */
export interface Finding {
  /** What was done, as the targets name it. */
  readonly work: string;
  readonly value: number;
  readonly unit: Unit;
  /** The value may be this much and no more. */
  readonly limit: number;
  /** Where the value comes from: absolute numbers, every round, what is and is not counted. Whole sentences. */
  readonly details: readonly string[];
}

/** Whether the target was reached. A value that is no number never is. */
export function isMet({ value, limit }: Pick<Finding, 'value' | 'limit'>): boolean {
  return value <= limit;
}
