/** Values of an event. Never a key, a token or a CSR; errors go under `error`. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured logging: a constant message, values in fields, one event one line.
 * Implementations MUST NOT throw and MUST NOT block.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every event. */
  child(fields: LogFields): Log;
}
