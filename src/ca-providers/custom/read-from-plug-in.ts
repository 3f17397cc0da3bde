import { bounded, type Failure, type FromPlugIn, isLogLevel, type PlainValue } from './plug-in-messages.ts';

const MOST_FIELDS = 40;
const MOST_CAUSES = 10;

/**
 * Reads a message from the plug-in's thread. The port is ours, and yet the plug-in can find it there and post whatever
 * it likes. Undefined for what our own end never says.
 */
export function readFromPlugIn(message: unknown): FromPlugIn | undefined {
  if (!isRecord(message)) return undefined;
  const { kind, id, fault, answer, failure: thrown, roots } = message;
  switch (kind) {
    case 'ready': {
      const { name, watchesRoots } = message;
      return isText(name) && typeof watchesRoots === 'boolean' ? { kind, name, watchesRoots } : undefined;
    }
    case 'unusable':
    case 'ended':
      return isText(fault) ? { kind, fault: bounded(fault) } : undefined;
    case 'answered':
      return typeof id === 'number' ? { kind, id, answer } : undefined;
    case 'failed': {
      const failure = readFailure(thrown);
      return typeof id === 'number' && failure !== undefined ? { kind, id, failure } : undefined;
    }
    case 'aborted':
      return typeof id === 'number' ? { kind, id } : undefined;
    case 'roots':
      return { kind, roots };
    case 'log': {
      const { level, message: text, fields } = message;
      if (!isLogLevel(level) || !isText(text) || !isRecord(fields)) return undefined;
      const few = Object.entries(fields).slice(0, MOST_FIELDS);
      return { kind, level, message: bounded(text), fields: Object.fromEntries(few.flatMap(readField)) };
    }
    default:
      return undefined;
  }
}

function readFailure(value: unknown): Failure | undefined {
  if (!isRecord(value)) return undefined;
  const { message, code, retryAfterMs, stack, causes } = value;
  if (!isText(message)) return undefined;
  return {
    message: bounded(message),
    ...(isText(code) && { code: bounded(code) }),
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    ...(isText(stack) && { stack: bounded(stack) }),
    ...(Array.isArray(causes) && { causes: causes.filter(isText).slice(0, MOST_CAUSES).map(bounded) }),
  };
}

function readField([name, value]: [string, unknown]): [string, PlainValue][] {
  if (isText(value)) return [[bounded(name), bounded(value)]];
  return typeof value === 'number' || typeof value === 'boolean' ? [[bounded(name), value]] : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
