import { AgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import { type SpiffeId, serviceAccountId } from '../core/spiffe-id.ts';
import type { VerifiedToken } from '../core/token-verifier.ts';

/** The claims of a token whose signature has been verified. */
export type Claims = Readonly<Record<string, unknown>>;

/** What a token has to say to be accepted here. */
export interface TokenExpectations {
  readonly trustDomain: string;
  /** One of them has to be among the token's audiences. */
  readonly audiences: readonly string[];
  /** The `iss` to insist on; undefined: any. */
  readonly issuer?: string | undefined;
}

// An issuer's clock may be a little ahead of ours. Expiry has no such leeway: a token is never used after it.
const NOT_BEFORE_LEEWAY_MS = 30_000;
// The furthest time that ECMAScript can name.
const LATEST_SECONDS = 8.64e12;
const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const POD_UID = /^[A-Za-z0-9-]{1,64}$/;

/**
 * Whose token it is, by the claims of a Kubernetes service-account token (RFC 7519, section 4.1, and `kubernetes.io`).
 *
 * @throws AgentError `token-expired`, or `token-rejected` with the claim that is wrong
 */
export function toVerifiedToken(claims: Claims, expected: TokenExpectations, nowMs: number): VerifiedToken {
  if (!isIssuedBy(claims, expected.issuer)) throw rejected('its issuer is another one');
  const audiences = audiencesOf(claims);
  if (!expected.audiences.some((audience) => audiences.includes(audience))) {
    throw rejected(`its audience is not ${expected.audiences.join(' or ')}`);
  }
  const expiresAtMs = timeOf(claims, 'exp');
  if (expiresAtMs === undefined) throw rejected('it has no expiry');
  if (expiresAtMs <= nowMs) throw new AgentError('token-expired', `the token expired at ${toIsoTime(expiresAtMs)}`);
  const notBeforeMs = timeOf(claims, 'nbf') ?? nowMs;
  if (notBeforeMs > nowMs + NOT_BEFORE_LEEWAY_MS) throw rejected(`it is not valid before ${toIsoTime(notBeforeMs)}`);
  const podUid = podUidOf(claims);
  return { spiffeId: subjectOf(claims, expected.trustDomain), expiresAtMs, ...(podUid !== undefined && { podUid }) };
}

function isIssuedBy({ iss }: Claims, issuer: string | undefined): boolean {
  return issuer === undefined || iss === issuer;
}

function audiencesOf({ aud }: Claims): readonly unknown[] {
  return Array.isArray(aud) ? aud : [aud];
}

function timeOf(claims: Claims, name: 'exp' | 'nbf'): number | undefined {
  const seconds = claims[name];
  if (seconds === undefined) return undefined;
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= LATEST_SECONDS))
    throw rejected(`its ${name} is no time`);
  return Math.floor(seconds * 1000);
}

function subjectOf({ sub }: Claims, trustDomain: string): SpiffeId {
  const [, namespace, serviceAccount] = (typeof sub === 'string' && SUBJECT.exec(sub)) || [];
  if (namespace === undefined || serviceAccount === undefined) throw rejected('its subject is no service account');
  try {
    return serviceAccountId(trustDomain, namespace, serviceAccount);
  } catch {
    throw rejected('its subject names no Kubernetes service account');
  }
}

function podUidOf({ 'kubernetes.io': kubernetes }: Claims): string | undefined {
  const uid = memberOf(memberOf(kubernetes, 'pod'), 'uid');
  return typeof uid === 'string' && POD_UID.test(uid) ? uid : undefined;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function rejected(why: string): AgentError {
  return new AgentError('token-rejected', `the token is not accepted: ${why}`);
}
