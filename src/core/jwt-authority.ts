import type { Redacted } from './redacted.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** A JWT-SVID in compact serialization (SPIFFE JWT-SVID, section 5.1): a bearer token. */
export type JwtSvid = Redacted<string>;

export interface JwtSvidRequest {
  /** The identity that was verified: the token's `sub`. */
  readonly id: SpiffeId;
  /** Who may accept the token: its `aud`. Never empty. */
  readonly audiences: readonly string[];
  /** The lifetime asked for, in milliseconds. The authority may give less. */
  readonly ttlMs: number;
}

/** The public keys that verify the JWT-SVIDs of one trust domain. */
export interface JwtBundle {
  readonly trustDomain: string;
  /** A JSON Web Key Set (RFC 7517, section 5). */
  readonly jwks: string;
  /** Equal content has an equal version. */
  readonly version: string;
}

/** Whose JWT-SVID it is, and everything that it claims. */
export interface ValidatedJwtSvid {
  readonly spiffeId: SpiffeId;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Makes and judges JWT-SVIDs (SPIFFE JWT-SVID) of one trust domain.
 *
 * An implementation
 * - MUST reject `sign` only with an `AgentError` of the `ca-*` family, and `validate` with `request-invalid` for a token
 *   that is not to be believed; no message and no log line holds a token or a key;
 * - MUST have a key in what `watchBundle` yields before it signs with it, for long enough that everybody has seen it,
 *   and keep it there until the last token that it signed has expired;
 * - MUST NOT sign with a key that also signs certificates;
 * - MUST honour the signal and be safe for concurrent calls.
 */
export interface JwtAuthority {
  sign(request: JwtSvidRequest, signal: AbortSignal): Promise<JwtSvid>;
  /** Verifies signature, algorithm (those of JWT-SVID, section 2.1), type, audience, expiry and subject. */
  validate(token: JwtSvid, audience: string, signal: AbortSignal): Promise<ValidatedJwtSvid>;
  /** Yields the public keys, then again each time they change, until the signal aborts. */
  watchBundle(signal: AbortSignal): AsyncIterable<JwtBundle>;
}
