import type { Clock } from '../core/clock.ts';
import type { Log, LogFields } from '../core/log.ts';
import { escapeControls } from './escape-controls.ts';
import { LOG_LEVELS, type LogDestination, type LogLevel } from './log-level.ts';
import { toLoggableFields } from './loggable.ts';
import { toMillisecondTime } from './to-millisecond-time.ts';

export interface TextLogOptions {
  readonly level: LogLevel;
  readonly colour: boolean;
  readonly destination: LogDestination;
  readonly clock: Clock;
}

const COLOURS = { debug: '90', info: '36', warn: '33', error: '31' } satisfies Record<LogLevel, string>;
const MESSAGE_WIDTH = 44;
/** Values that read well without quotes. */
const PLAIN = /^[\w.:/@%+-]+$/;

/** The log for people at a terminal: UTC time, level, message, then `key=value`, in columns. */
export class TextLog implements Log {
  readonly #options: TextLogOptions;
  readonly #bound: Readonly<Record<string, unknown>>;

  constructor(options: TextLogOptions, bound: Readonly<Record<string, unknown>> = {}) {
    this.#options = options;
    this.#bound = bound;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  child(fields: LogFields): Log {
    return new TextLog(this.#options, { ...this.#bound, ...toLoggableFields(fields) });
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    const { level: least, colour, destination, clock } = this.#options;
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    const values = Object.entries({ ...this.#bound, ...toLoggableFields(fields) }).map(toPair);
    const time = toMillisecondTime(clock.now()).slice('2030-01-01T'.length, -1);
    const name = level.toUpperCase().padEnd(5);
    const shownName = colour ? `\u001b[${COLOURS[level]}m${name}\u001b[0m` : name;
    const text = escapeControls(`${message.padEnd(MESSAGE_WIDTH)} ${values.join(' ')}`).trimEnd();
    destination.write(`${time} ${shownName} ${text}\n`);
  }
}

function toPair([key, value]: [string, unknown]): string {
  return `${key}=${typeof value === 'string' && PLAIN.test(value) ? value : JSON.stringify(value)}`;
}
