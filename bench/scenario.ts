import type { BenchContext } from './bench-context.ts';
import type { Finding } from './finding.ts';

/** One piece of work to measure; it may answer several targets. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  run(context: BenchContext): Promise<Finding[]>;
}
