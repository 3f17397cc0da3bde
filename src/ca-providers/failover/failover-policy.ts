import type { AgentError, CaErrorCode, ErrorCode } from '../../core/agent-error.ts';

/**
 * Whether another CA may be asked after a failure of this kind. A CA that says no has decided: another one that
 * would say yes must not be asked around it. A CA that cannot say anything of use has not.
 */
const ASKS_THE_NEXT = {
  'ca-unavailable': true,
  'ca-timeout': true,
  'ca-overloaded': true,
  'ca-answer-invalid': true,
  'ca-state-broken': true,
  'ca-token-rejected': false,
  'ca-permission-denied': false,
  'ca-request-refused': false,
} satisfies Record<CaErrorCode, boolean>;

/** False for a refusal. True for an error that no provider may reject with: that says nothing about the request. */
export function asksTheNext({ code }: AgentError): boolean {
  const known: Partial<Record<ErrorCode, boolean>> = ASKS_THE_NEXT;
  return known[code] ?? true;
}
