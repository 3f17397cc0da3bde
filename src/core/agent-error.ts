/**
 * What can go wrong, as stable codes. A code never changes its meaning; messages may.
 *
 * The families: `token-*` and `peer-*` (who is calling, by the token and by the kernel's word), `request-*` (what is
 * asked), `ca-*` (the certificate authority; the only ones a `CaProvider` may reject with), `kubernetes-*` (the API
 * server), and the agent's own.
 */
export type ErrorCode =
  | 'token-missing'
  | 'token-ambiguous'
  | 'token-malformed'
  | 'token-rejected'
  | 'token-expired'
  | 'token-verifier-unavailable'
  | 'token-source-unavailable'
  | 'peer-unknown'
  | 'peer-refused'
  | 'identity-denied'
  | 'identity-not-allowed'
  | 'request-invalid'
  | 'request-name-unknown'
  | 'request-too-large'
  | 'request-unimplemented'
  | 'request-cancelled'
  | 'request-deadline-exceeded'
  | 'secret-not-ready'
  | 'secret-unusable'
  | 'secret-gone'
  | 'reauthentication-needed'
  | 'limit-exceeded'
  | 'shutting-down'
  | 'ca-unavailable'
  | 'ca-timeout'
  | 'ca-overloaded'
  | 'ca-token-rejected'
  | 'ca-permission-denied'
  | 'ca-request-refused'
  | 'ca-answer-invalid'
  | 'ca-state-broken'
  | 'kubernetes-unavailable'
  | 'kubernetes-timeout'
  | 'kubernetes-overloaded'
  | 'kubernetes-credential-unusable'
  | 'kubernetes-permission-denied'
  | 'kubernetes-request-refused'
  | 'kubernetes-answer-invalid'
  | 'kubernetes-gone'
  | 'settings-invalid'
  | 'socket-unusable'
  | 'internal';

/** The family that a `CaProvider` may reject with. */
export type CaErrorCode = Extract<ErrorCode, `ca-${string}`>;

/**
 * What to do about a failure: `transient` is tried again soon, `permanent` in the slow lane (an operator has
 * to act, but nothing gives up), `bug` is ours and is reported as such.
 */
export type Disposition = 'transient' | 'permanent' | 'bug';

const DISPOSITIONS = {
  'token-missing': 'permanent',
  'token-ambiguous': 'permanent',
  'token-malformed': 'permanent',
  'token-rejected': 'permanent',
  'token-expired': 'permanent',
  'token-verifier-unavailable': 'transient',
  'token-source-unavailable': 'transient',
  'peer-unknown': 'transient',
  'peer-refused': 'permanent',
  'identity-denied': 'permanent',
  'identity-not-allowed': 'permanent',
  'request-invalid': 'permanent',
  'request-name-unknown': 'permanent',
  'request-too-large': 'permanent',
  'request-unimplemented': 'permanent',
  'request-cancelled': 'transient',
  'request-deadline-exceeded': 'transient',
  'secret-not-ready': 'transient',
  'secret-unusable': 'permanent',
  'secret-gone': 'permanent',
  'reauthentication-needed': 'transient',
  'limit-exceeded': 'transient',
  'shutting-down': 'transient',
  'ca-unavailable': 'transient',
  'ca-timeout': 'transient',
  'ca-overloaded': 'transient',
  'ca-token-rejected': 'permanent',
  'ca-permission-denied': 'permanent',
  'ca-request-refused': 'permanent',
  'ca-answer-invalid': 'permanent',
  'ca-state-broken': 'permanent',
  'kubernetes-unavailable': 'transient',
  'kubernetes-timeout': 'transient',
  'kubernetes-overloaded': 'transient',
  'kubernetes-credential-unusable': 'permanent',
  'kubernetes-permission-denied': 'permanent',
  'kubernetes-request-refused': 'permanent',
  'kubernetes-answer-invalid': 'permanent',
  'kubernetes-gone': 'transient',
  'settings-invalid': 'permanent',
  'socket-unusable': 'permanent',
  internal: 'bug',
} satisfies Record<ErrorCode, Disposition>;

/** Whether it is a code of the `ca-*` family. */
export function isCaErrorCode(code: string | undefined): code is CaErrorCode {
  return code?.startsWith('ca-') === true && Object.hasOwn(DISPOSITIONS, code);
}

export interface AgentErrorDetails {
  /** The error that led to this one. It goes to the log, never over the wire. */
  readonly cause?: unknown;
  /** How long to wait before the next try, where the other side said so; whatever it said. */
  readonly retryAfterMs?: number | undefined;
}

/** Who wants to be left alone for longer is not believed: an answer would silence an identity for good. */
export const LONGEST_RETRY_AFTER_MS = 60 * 60 * 1000;

/**
 * The one error class that crosses rooms.
 *
 * The message is lower case, names the thing, and is safe to show to the peer: it never holds a key, a token
 * or a CSR, and quotes untrusted text only through `quoteUntrusted`.
 */
export class AgentError extends Error {
  readonly code: ErrorCode;
  /** Whole milliseconds, from 1 to `LONGEST_RETRY_AFTER_MS`; undefined: the other side did not say, or nothing sensible. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: AgentErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AgentError';
    this.code = code;
    this.retryAfterMs = toRetryAfterMs(details.retryAfterMs);
  }

  get disposition(): Disposition {
    return DISPOSITIONS[this.code];
  }
}

function toRetryAfterMs(saidMs = 0): number | undefined {
  // Not for NaN either, which a custom module may give.
  return saidMs > 0 ? Math.ceil(Math.min(saidMs, LONGEST_RETRY_AFTER_MS)) : undefined;
}

/** Gives any thrown value as an `AgentError`; what is none yet becomes `internal` with the value as its cause. */
export function toAgentError(thrown: unknown): AgentError {
  if (thrown instanceof AgentError) return thrown;
  return new AgentError('internal', 'internal error', { cause: thrown });
}

const QUOTED_LENGTH = 80;

/** Untrusted text for a message: cut to 80 characters, escaped so that it cannot break a line or a terminal. */
export function quoteUntrusted(text: string): string {
  const cut = text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
