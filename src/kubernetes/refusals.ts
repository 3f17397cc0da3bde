import { AgentError, type ErrorCode, quoteUntrusted } from '../core/agent-error.ts';
import { type ApiRequest, toAccessRule, toWords } from './api-request.ts';
import { readText } from './read-path.ts';

/** An answer that is not what was asked for. */
export interface ApiRefusal {
  /** The HTTP status, or the `code` of the Status object in a watch. */
  readonly status: number;
  /** The Status object, where it is one. */
  readonly body: unknown;
  readonly retryAfterMs?: number | undefined;
}

/**
 * The error that an answer means which is not what was asked for.
 *
 * Of the server's own words only those are repeated that cannot hold what it was sent: the `reason`, and the user's
 * name. A `message` may quote the request, and with it a token.
 */
export function toRefusal(request: ApiRequest, { status, body, retryAfterMs }: ApiRefusal): AgentError {
  const [code, what] = describe(request, status, body);
  return new AgentError(code, what, retryAfterMs === undefined ? {} : { retryAfterMs });
}

function describe(request: ApiRequest, status: number, body: unknown): readonly [code: ErrorCode, what: string] {
  const words = toWords(request);
  switch (status) {
    case 401:
      return [
        'kubernetes-credential-unusable',
        "the API server does not accept the agent's own token: look at KUBERNETES_API_TOKEN_FILE",
      ];
    case 403:
      return [
        'kubernetes-permission-denied',
        `the API server does not let ${userIn(body)} ${words}: give it the rule ${toAccessRule(request)}`,
      ];
    case 410:
      return ['kubernetes-gone', `the API server does not remember far enough to ${words}`];
    case 429:
      return ['kubernetes-overloaded', `the API server asks to come back later to ${words}`];
    default:
  }
  const reason = reasonIn(body);
  const answer = `the API server answered ${status}${reason === undefined ? '' : ` (${reason})`} to ${words}`;
  if (status >= 500) return ['kubernetes-unavailable', `${answer}: look at its log`];
  if (status >= 400 && reason !== undefined) return ['kubernetes-request-refused', answer];
  return ['kubernetes-answer-invalid', `${answer}, and not in its own way: look at KUBERNETES_API_SERVER`];
}

/** A word such as `NotFound` (meta/v1, StatusReason). */
function reasonIn(body: unknown): string | undefined {
  const reason = readText(body, 'reason');
  return reason !== undefined && /^[A-Za-z]{1,40}$/.test(reason) ? reason : undefined;
}

/** Whom the server takes the agent for, from `pods is forbidden: User "system:serviceaccount:a:b" cannot …`. */
function userIn(body: unknown): string {
  const [, user] = /\bUser "([^"]{1,253})" cannot /.exec(readText(body, 'message') ?? '') ?? [];
  return user === undefined ? "the agent's user" : `user ${quoteUntrusted(user)}`;
}
