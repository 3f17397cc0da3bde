import { AgentError, type ErrorCode, quoteUntrusted } from '../../core/agent-error.ts';
import type { Failure } from './plug-in-messages.ts';
import type { Cleaner } from './without-secrets.ts';

const CA_CODES = {
  'ca-unavailable': true,
  'ca-timeout': true,
  'ca-overloaded': true,
  'ca-token-rejected': true,
  'ca-permission-denied': true,
  'ca-request-refused': true,
  'ca-answer-invalid': true,
  'ca-state-broken': true,
} satisfies Record<Extract<ErrorCode, `ca-${string}`>, true>;

/** A plug-in cannot put the next try off for longer. */
const LONGEST_RETRY_AFTER_MS = 60 * 60 * 1000;
const LONGEST_MESSAGE = 300;

/**
 * What a plug-in threw, as an error of the CA family. Its own errors of that family are known by their code, not by
 * their class, of which it may have a copy. Anything else is `ca-unavailable`: it may well work next time.
 */
export function toCaError(failure: Failure, clean: Cleaner): AgentError {
  const { message, code, retryAfterMs, stack, causes = [] } = failure;
  const cause = new Error(toLine(clean([message, ...causes].join(': '))));
  cause.stack = clean(stack ?? '');
  if (isCaCode(code)) return new AgentError(code, toLine(clean(message)), { cause, ...retryAfter(retryAfterMs) });
  return new AgentError('ca-unavailable', `the CA module failed: ${quoteUntrusted(clean(message))}`, { cause });
}

function isCaCode(code: string | undefined): code is keyof typeof CA_CODES {
  return code !== undefined && Object.hasOwn(CA_CODES, code);
}

function toLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}…` : line;
}

function retryAfter(retryAfterMs: number | undefined): { retryAfterMs?: number } {
  if (retryAfterMs === undefined || !(retryAfterMs > 0)) return {};
  return { retryAfterMs: Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) };
}
