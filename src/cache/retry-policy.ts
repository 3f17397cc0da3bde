import type { AgentError, CaErrorCode, ErrorCode } from '../core/agent-error.ts';
import { type BackoffPolicy, backoffMs } from '../runtime/backoff.ts';

/** How one kind of failure is tried again. */
export interface RetryRule extends BackoffPolicy {
  /** Why so, for the table in `docs/operations.md`. */
  readonly why: string;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** When to try again after a failed issuance, by code. Nothing ever gives up: the slow rows are slow, not closed. */
export const RETRY_RULES = {
  'ca-unavailable': { firstMs: SECOND_MS, longestMs: MINUTE_MS, why: 'most outages are short' },
  'ca-timeout': { firstMs: 2 * SECOND_MS, longestMs: MINUTE_MS, why: 'it has already waited for `CA_TIMEOUT`' },
  'ca-overloaded': { firstMs: 5 * SECOND_MS, longestMs: 2 * MINUTE_MS, why: 'asking sooner makes it worse' },
  'ca-token-rejected': {
    firstMs: 30 * SECOND_MS,
    longestMs: 10 * MINUTE_MS,
    why: 'the same token helps only once the CA has changed; a fresher one is tried at once',
  },
  'ca-permission-denied': {
    firstMs: 30 * SECOND_MS,
    longestMs: 10 * MINUTE_MS,
    why: 'somebody has to change a role or a policy',
  },
  'ca-request-refused': {
    firstMs: 30 * SECOND_MS,
    longestMs: 10 * MINUTE_MS,
    why: 'the next request asks for the same',
  },
  'ca-answer-invalid': {
    firstMs: 10 * SECOND_MS,
    longestMs: 5 * MINUTE_MS,
    why: 'a CA that is changing its root, or a clock, may be right again soon',
  },
  'ca-state-broken': { firstMs: 30 * SECOND_MS, longestMs: 10 * MINUTE_MS, why: 'somebody has to repair a file' },
  'token-source-unavailable': { firstMs: SECOND_MS, longestMs: MINUTE_MS, why: 'most outages are short' },
  other: { firstMs: 30 * SECOND_MS, longestMs: 10 * MINUTE_MS, why: 'a bug, of this agent or of a custom CA module' },
} satisfies Record<CaErrorCode | 'token-source-unavailable' | 'other', RetryRule>;

/** What bounds the waiting, whatever the code. */
export const RETRY_LIMITS = {
  /** Nobody's request is made meanwhile, but for no longer than this: it may be meant for one caller alone. */
  longestPauseMs: MINUTE_MS,
  /** No step is longer than this share of the life that is left, so that a short life sees several tries … */
  shareOfLifeLeft: 0.1,
} as const;

/** When to read the CA's roots again after a failure. */
export const ROOTS_RULE: RetryRule = { firstMs: 500, longestMs: 30_000, why: 'without roots nothing can be issued' };

/** When to send another stream back for a fresh token, if the last one came back without. */
export const TOKEN_RULE: RetryRule = {
  firstMs: MINUTE_MS,
  longestMs: 15 * MINUTE_MS,
  why: 'drawn from the upper half of the step, so that streams of one identity never end shortly after each other',
};

/** What bounds the waiting for a token. */
export const TOKEN_LIMITS = {
  /** Larger than for a request to the CA, as each step costs a stream … */
  shareOfLifeLeft: 0.25,
  /** … and never shorter than this, in which an Envoy has come back and was served, or was refused. */
  leastMs: 5 * SECOND_MS,
} as const;

/** What a wait depends on. */
export interface Failure {
  readonly error: AgentError;
  /** Failures of this identity since its last success, this one included. */
  readonly failures: number;
  /** How long the certificate that is held is still valid; undefined: there is none. */
  readonly lifeLeftMs: number | undefined;
}

/**
 * How long to wait before the next try; never shorter than the CA asked for.
 *
 * @param random a number in [0, 1)
 */
export function retryDelayMs({ error, failures, lifeLeftMs = Infinity }: Failure, random: number): number {
  const { firstMs, longestMs } = ruleFor(error.code);
  // … but the first step remains: the last minute of a life is no reason to storm the CA.
  const boundMs = Math.max(firstMs, lifeLeftMs * RETRY_LIMITS.shareOfLifeLeft);
  const waitMs = backoffMs({ firstMs, longestMs: Math.min(longestMs, boundMs) }, failures, random);
  return Math.max(error.retryAfterMs ?? 0, waitMs);
}

/** How long to wait before the roots are read again; never shorter than the CA asked for. */
export function rootsDelayMs(failures: number, random: number, error?: AgentError): number {
  return Math.max(error?.retryAfterMs ?? 0, backoffMs(ROOTS_RULE, failures, random));
}

/** How long nothing at all is asked of the CA after this failure; 0: the others are not concerned. */
export function pauseMs(error: AgentError): number {
  return isOfCa(error) && error.disposition === 'transient'
    ? Math.min(RETRY_LIMITS.longestPauseMs, error.retryAfterMs ?? 0)
    : 0;
}

/**
 * How long to wait for a fresh token before somebody else is sent for one.
 *
 * @param requests how many have been sent since the last token came, this one included
 * @param lifeLeftMs how long the certificate that is held is still valid; undefined: there is none
 * @param random a number in [0, 1)
 */
export function tokenPatienceMs(requests: number, lifeLeftMs: number | undefined, random: number): number {
  const { firstMs, longestMs } = TOKEN_RULE;
  const { shareOfLifeLeft, leastMs } = TOKEN_LIMITS;
  // Where nothing is served any more, the steps do not grow: each stream that comes back may end that.
  const boundMs = lifeLeftMs === undefined ? firstMs : Math.max(leastMs, lifeLeftMs * shareOfLifeLeft);
  const rule = { firstMs: Math.min(firstMs, boundMs), longestMs: Math.min(longestMs, boundMs) };
  return Math.round((backoffMs(rule, requests, 1) + backoffMs(rule, requests, random)) / 2);
}

/** Another server that asks to come back later says nothing of the CA. */
function isOfCa({ code }: AgentError): boolean {
  return code.startsWith('ca-');
}

function ruleFor(code: ErrorCode): RetryRule {
  const rules: Partial<Record<ErrorCode, RetryRule>> = RETRY_RULES;
  return rules[code] ?? RETRY_RULES.other;
}
