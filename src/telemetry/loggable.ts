import { AgentError } from '../core/agent-error.ts';
import type { LogFields } from '../core/log.ts';
import { Redacted } from '../core/redacted.ts';

const LONGEST_TEXT = 1024;
const LONGEST_ERROR_TEXT = 300;
const MOST_ITEMS = 20;
const MOST_KEYS = 32;
const DEEPEST = 4;
const LONGEST_CAUSE_CHAIN = 5;
const MOST_STACK_FRAMES = 8;

/** What must never be in a log, should it ever get into a message of a library: JWTs, tokens of Vault and OpenBao, keys and CSRs in PEM. */
const SECRET =
  /eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|\bhv[sbr]\.[\w-]+|\b[sb]\.[\w-]{20,}|-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE REQUEST)-----[^-]*(?:-----END [A-Z0-9 ]*-----)?/g;

/** Text for people, whatever it was made from: without tokens, keys and CSRs, and cut to `longest` characters. */
export function toLoggableText(text: string, longest = LONGEST_TEXT): string {
  const redacted = text.replace(SECRET, '[redacted]');
  return redacted.length > longest ? `${redacted.slice(0, longest)}…` : redacted;
}

/** An error as it is logged. */
export interface LoggableError {
  readonly code?: string;
  readonly message: string;
  /** What led to it, nearest first. */
  readonly causes?: readonly string[];
  /** Only where the error is our own mistake: for all others the code says where to look. */
  readonly stack?: readonly string[];
}

export function toLoggableError(error: Error): LoggableError {
  const code = codeOf(error);
  const causes = causesOf(error);
  const ours = !(error instanceof AgentError) || error.disposition === 'bug';
  return {
    ...(code !== undefined && { code }),
    message: toLoggableText(error.message, LONGEST_ERROR_TEXT),
    ...(causes.length > 0 && { causes: causes.map(describeCause) }),
    ...(ours && { stack: framesOf(causes.at(-1) ?? error) }),
  };
}

/** Fields as they are logged: plain values of bounded size and depth, redacted, safe to turn into JSON. */
export function toLoggableFields(fields: LogFields): Record<string, unknown> {
  return toLoggableObject(fields, DEEPEST);
}

function toLoggable(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return toLoggableText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value);
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : toLoggableStructure(value, depth);
    default:
      return undefined;
  }
}

function toLoggableStructure(value: object, depth: number): unknown {
  if (value instanceof Redacted) return String(value);
  if (value instanceof Error) return toLoggableError(value);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth === 0) return '[…]';
  if (value instanceof Map) return toLoggableObject(Object.fromEntries(value), depth);
  if (Array.isArray(value) || value instanceof Set) return toLoggableList([...value], depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  // An instance may hold anything in fields that were never meant for a log: its name has to do.
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor?.name ?? 'object'}]`;
  return toLoggableObject(value, depth);
}

function toLoggableList(items: readonly unknown[], depth: number): unknown[] {
  const shown = items.slice(0, MOST_ITEMS).map((item) => toLoggable(item, depth - 1) ?? null);
  return items.length > MOST_ITEMS ? [...shown, `… ${items.length - MOST_ITEMS} more`] : shown;
}

function toLoggableObject(object: object, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  const entries = Object.entries(object);
  for (const [key, value] of entries.slice(0, MOST_KEYS)) {
    const loggable = toLoggable(value, depth - 1);
    if (loggable !== undefined) shown[toLoggableText(key, 80)] = loggable;
  }
  if (entries.length > MOST_KEYS) shown['…'] = `${entries.length - MOST_KEYS} more`;
  return shown;
}

function causesOf(error: Error): unknown[] {
  const causes: unknown[] = [];
  let cause = error.cause;
  while (cause !== undefined && cause !== null && causes.length < LONGEST_CAUSE_CHAIN) {
    causes.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

function describeCause(cause: unknown): string {
  if (!(cause instanceof Error))
    return typeof cause === 'string' ? toLoggableText(cause, LONGEST_ERROR_TEXT) : `[${typeof cause}]`;
  const code = codeOf(cause);
  const message = toLoggableText(cause.message, LONGEST_ERROR_TEXT);
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`;
}

/** The code of an `AgentError` or of one of Node's system errors (`ECONNREFUSED`). */
function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? toLoggableText(error.code, 80) : undefined;
}

function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return [];
  const frames = error.stack.split('\n').filter((line) => line.startsWith('    at '));
  return frames.slice(0, MOST_STACK_FRAMES).map((frame) => toLoggableText(frame.trim(), LONGEST_ERROR_TEXT));
}
