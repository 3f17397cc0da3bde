import type { MessagePort } from 'node:worker_threads';
import type { Log } from '../../core/log.ts';

/** What a plug-in's thread is started with. */
export interface PlugInStart {
  /** URL of the module. */
  readonly module: string;
  /** Every setting's text by the name of its variable. */
  readonly written: Readonly<Record<string, string>>;
  readonly trustDomain: string;
  /** The thread's end of the conversation. Not `parentPort`, so that a plug-in's own messages are not taken for ours. */
  readonly port: MessagePort;
}

/** What is asked of the plug-in. */
export type Question =
  | {
      readonly kind: 'sign';
      readonly spiffeId: string;
      readonly csr: Uint8Array;
      readonly ttlMs: number;
      readonly token: string;
    }
  | { readonly kind: 'roots' };

/** From the agent to the plug-in's thread. */
export type ToPlugIn =
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'abort'; readonly id: number };

/** From the plug-in's thread to the agent. What the plug-in gave is `unknown` until it has been looked at. */
export type FromPlugIn =
  | { readonly kind: 'ready'; readonly name: string; readonly watchesRoots: boolean }
  /** It cannot be used, and why. */
  | { readonly kind: 'unusable'; readonly fault: string }
  /** It ends now, and why. */
  | { readonly kind: 'ended'; readonly fault: string }
  | { readonly kind: 'answered'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: Failure }
  /** The abort was heard: the thread is alive. */
  | { readonly kind: 'aborted'; readonly id: number }
  /** Its roots have changed. */
  | { readonly kind: 'roots'; readonly roots: unknown }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, PlainValue>>;
    };

export type LogLevel = Exclude<keyof Log, 'child'>;

const LOG_LEVELS = { debug: true, info: true, warn: true, error: true } satisfies Record<LogLevel, true>;

export function isLogLevel(value: unknown): value is LogLevel {
  return typeof value === 'string' && Object.hasOwn(LOG_LEVELS, value);
}

export type PlainValue = string | number | boolean;

/** Something that was thrown, as far as it could be read. */
export interface Failure {
  readonly message: string;
  readonly code?: string;
  readonly retryAfterMs?: number;
  readonly stack?: string;
  /** The messages of what led to it, nearest first. */
  readonly causes?: readonly string[];
}

const LONGEST_CAUSE_CHAIN = 5;
/** Of one text of a plug-in. Longer ones tell nobody more, and a copy of hundreds of megabytes ends the process. */
const LONGEST_TEXT = 4096;

/** A text of a plug-in as it may go to the agent. One that is too long is not even cut: that would copy it first. */
export function bounded(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `a text of ${text.length} characters`;
}

/** Reads what was thrown, whatever it is: its getters may throw again. */
export function toFailure(thrown: unknown): Failure {
  try {
    if (!(thrown instanceof Error))
      return { message: typeof thrown === 'string' ? bounded(thrown) : `a thrown ${typeof thrown}` };
    const { message, stack } = thrown;
    const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
    const retryAfterMs =
      'retryAfterMs' in thrown && typeof thrown.retryAfterMs === 'number' ? thrown.retryAfterMs : undefined;
    return {
      message: bounded(String(message)),
      ...(code !== undefined && { code: bounded(code) }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(typeof stack === 'string' && { stack: bounded(stack) }),
      causes: causesOf(thrown),
    };
  } catch {
    return { message: 'an error that cannot be read' };
  }
}

function causesOf(error: Error): string[] {
  const causes: string[] = [];
  let { cause } = error;
  while (cause instanceof Error && causes.length < LONGEST_CAUSE_CHAIN) {
    causes.push(bounded(String(cause.message)));
    cause = cause.cause;
  }
  return causes;
}
