import { X509Certificate } from 'node:crypto';
import { parseCertificate } from './certificate.ts';

/** What people want to know of a certificate. */
export interface CertificateSummary {
  /** The distinguished name as `CN=…, O=…`; empty where the SPIFFE ID is the only name. */
  readonly subject: string;
  readonly issuer: string;
  /** Subject alternative names with their kind, for example `URI:spiffe://…`. */
  readonly sans: readonly string[];
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isCa: boolean;
}

/**
 * Reads a certificate in DER for showing it.
 *
 * @throws AgentError `ca-answer-invalid` when it is none
 */
export function summarizeCertificate(der: Uint8Array): CertificateSummary {
  const { serial, notBeforeMs, notAfterMs, isCa } = parseCertificate(der);
  const { subject, issuer, subjectAltName } = new X509Certificate(der);
  const sans = subjectAltName?.split(', ') ?? [];
  return { subject: oneLine(subject), issuer: oneLine(issuer), sans, serial, notBeforeMs, notAfterMs, isCa };
}

/** Node gives a line for each part of a name, and nothing at all for an empty one. */
function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ');
}
