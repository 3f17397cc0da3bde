import { type Logger, pino } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Log, LogFields } from '../core/log.ts';
import { systemClock } from '../runtime/system-clock.ts';
import { escapeControls } from './escape-controls.ts';
import type { LogDestination, LogLevel } from './log-level.ts';
import { toLoggableFields } from './loggable.ts';
import { TextLog } from './text-log.ts';
import { toMillisecondTime } from './to-millisecond-time.ts';

export interface LoggerOptions {
  /** The least severe level that is logged. */
  readonly level: LogLevel;
  /** One JSON object a line for programs, or aligned text for people at a terminal. */
  readonly format: 'json' | 'text';
  /** Colours the levels of `text`. Off unless asked for. */
  readonly colour?: boolean;
  /** Standard output unless given. */
  readonly destination?: LogDestination;
  readonly clock?: Clock;
}

/** More than this many bytes that nobody takes are dropped: a stuck log reader must not stop certificates. */
const MOST_WAITING_BYTES = 4 << 20;

/**
 * The agent's log. One event is one line whatever the values hold: line breaks and terminal escapes leave
 * escaped, values are bounded, and keys, tokens and CSRs do not get through (see `loggable.ts`).
 */
export function createLogger(options: LoggerOptions): Log {
  const { level, format, colour = false, destination = standardOutput(), clock = systemClock } = options;
  const safe = { write: (line: string) => void destination.write(`${escapeControls(line.trimEnd())}\n`) };
  if (format === 'text') return new TextLog({ level, colour, clock, destination });
  const settings = {
    level,
    base: null,
    messageKey: 'message',
    timestamp: () => `,"time":"${toMillisecondTime(clock.now())}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return new PinoLog(pino(settings, safe));
}

class PinoLog implements Log {
  readonly #pino: Logger;

  constructor(logger: Logger) {
    this.#pino = logger;
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('debug')) this.#pino.debug(toEvent(fields), message);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('info')) this.#pino.info(toEvent(fields), message);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('warn')) this.#pino.warn(toEvent(fields), message);
  }

  error(message: string, fields?: LogFields): void {
    this.#pino.error(toEvent(fields), message);
  }

  child(fields: LogFields): Log {
    return new PinoLog(this.#pino.child(toEvent(fields)));
  }
}

const RESERVED = ['level', 'time', 'message'];

/** Pino writes a key twice when a field has the name of one of its own, and JSON parsers then disagree. */
function toEvent(fields: LogFields = {}): Record<string, unknown> {
  const event = toLoggableFields(fields);
  for (const key of RESERVED) {
    if (!(key in event)) continue;
    event[`${key}_`] = event[key];
    delete event[key];
  }
  return event;
}

/** Node's own stream: in order, without waiting for who reads a pipe, and at the end of the process written to its end. */
function standardOutput(): LogDestination {
  const { stdout } = process;
  // A full disk or a closed pipe must not end the agent: what cannot be logged is lost.
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => undefined);
  return { write: (line) => stdout.writableLength < MOST_WAITING_BYTES && stdout.write(line) };
}
