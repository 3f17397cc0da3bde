import type { Log, LogFields } from '../../src/core/log.ts';

export interface Logged {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that keeps what it is told. */
export class RecordingLog implements Log {
  readonly events: Logged[];
  readonly #bound: LogFields;

  constructor(events: Logged[] = [], bound: LogFields = {}) {
    this.events = events;
    this.#bound = bound;
  }

  debug(message: string, fields?: LogFields): void {
    this.#keep('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message, fields);
  }

  child(fields: LogFields): Log {
    return new RecordingLog(this.events, { ...this.#bound, ...fields });
  }

  #keep(level: Logged['level'], message: string, fields: LogFields = {}): void {
    this.events.push({ level, message, fields: { ...this.#bound, ...fields } });
  }
}
