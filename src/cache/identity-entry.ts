import type { AgentError } from '../core/agent-error.ts';
import type { CertificateState } from '../core/status-report.ts';
import type { IssuedCertificate } from './issuer.ts';

/**
 * What is known of one identity's certificate: a value, changed only by the functions beside it.
 *
 *     wanted -> issuing -> ready -> renewing -> ready | stale -> renewing ...
 *
 * There is no transition that drops a certificate: a failure only plans the next try.
 */
export interface IdentityEntry {
  /** The newest certificate that was verified; perhaps expired by now. */
  readonly certificate: IssuedCertificate | undefined;
  /** A newer one that is not valid yet. */
  readonly pending: IssuedCertificate | undefined;
  /** When the certificate was obtained. */
  readonly issuedAtMs: number | undefined;
  readonly issuing: boolean;
  /** Failures since the last success. */
  readonly failures: number;
  readonly lastFailure: { readonly error: AgentError; readonly atMs: number } | undefined;
  /** Certificates that replaced another one. */
  readonly rotations: number;
}

/** Somebody asked for the identity, and nothing was done yet. */
export const WANTED: IdentityEntry = {
  certificate: undefined,
  pending: undefined,
  issuedAtMs: undefined,
  issuing: false,
  failures: 0,
  lastFailure: undefined,
  rotations: 0,
};

/** The CA is being asked, or a token for it. */
export function started(entry: IdentityEntry): IdentityEntry {
  return { ...entry, issuing: true };
}

/** The CA answered with a certificate that was verified. */
export function issued(entry: IdentityEntry, certificate: IssuedCertificate, issuedAtMs: number): IdentityEntry {
  const rotations = entry.rotations + (entry.certificate === undefined ? 0 : 1);
  const pending = undefined;
  return { certificate, pending, issuedAtMs, issuing: false, failures: 0, lastFailure: undefined, rotations };
}

/** The CA answered with a certificate that is right and not valid yet; what was there stays until it is. */
export function postponed(
  entry: IdentityEntry,
  pending: IssuedCertificate,
  error: AgentError,
  atMs: number,
): IdentityEntry {
  return { ...failed(entry, error, atMs), pending };
}

/** The try came to nothing; what was there stays. */
export function failed(entry: IdentityEntry, error: AgentError, atMs: number): IdentityEntry {
  return { ...entry, issuing: false, failures: entry.failures + 1, lastFailure: { error, atMs } };
}

/** There is no valid token to show to the CA. That is no failure of the CA's, so it is not counted as one. */
export function tokenless(entry: IdentityEntry, error: AgentError, atMs: number): IdentityEntry {
  return { ...entry, issuing: false, lastFailure: { error, atMs } };
}

/** The certificate, unless it has expired. */
export function servable({ certificate }: IdentityEntry, nowMs: number): IssuedCertificate | undefined {
  return certificate !== undefined && nowMs < certificate.notAfterMs ? certificate : undefined;
}

/** The state as `status` names it. `stale`: the last renewal failed, lacks a token, or came too late. */
export function stateOf(entry: IdentityEntry, nowMs: number): CertificateState {
  if (entry.certificate === undefined) return entry.issuing ? 'issuing' : 'wanted';
  if (entry.issuing) return 'renewing';
  return entry.lastFailure !== undefined || nowMs >= entry.certificate.notAfterMs ? 'stale' : 'ready';
}
