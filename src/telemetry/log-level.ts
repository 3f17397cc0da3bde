/** From the least to the most severe. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Takes whole lines, each with its line break. MUST NOT block or throw. */
export interface LogDestination {
  write(line: string): unknown;
}
