import { AgentError, isCaErrorCode, quoteUntrusted } from '../../core/agent-error.ts';
import type { Cleaner } from '../without-secrets.ts';
import type { Failure } from './plug-in-messages.ts';

const LONGEST_MESSAGE = 300;

/**
 * What a plug-in threw, as an error of the CA family. Its own errors of that family are known by their code, not by
 * their class, of which it may have a copy. Anything else is `ca-unavailable`: it may well work next time.
 */
export function toCaError(failure: Failure, clean: Cleaner): AgentError {
  const { message, code, retryAfterMs, stack, causes = [] } = failure;
  const cause = new Error(toLine(clean([message, ...causes].join(': '))));
  cause.stack = clean(stack ?? '');
  if (isCaErrorCode(code)) return new AgentError(code, toLine(clean(message)), { cause, retryAfterMs });
  return new AgentError('ca-unavailable', `the CA module failed: ${quoteUntrusted(clean(message))}`, { cause });
}

function toLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}…` : line;
}
