import { type Certificate, isSignedBy, parseCertificate } from './certificate.ts';

/** Enough for the intermediates and roots of every CA that one agent talks to. */
const REMEMBERED = 32;

const byBytes = new Map<string, Certificate>();
const verified = new WeakMap<Certificate, WeakSet<Certificate>>();

/**
 * As `parseCertificate`, for certificates of issuers: the same few come with every answer of a CA, so equal bytes give
 * the same object without being read again.
 *
 * @throws AgentError `ca-answer-invalid`, saying what is wrong
 */
export function parseIssuerCertificate(der: Uint8Array): Certificate {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
  const known = byBytes.get(bytes);
  if (known !== undefined) return known;
  const certificate = parseCertificate(der);
  const [oldest] = byBytes.keys();
  if (oldest !== undefined && byBytes.size >= REMEMBERED) byBytes.delete(oldest);
  byBytes.set(bytes, certificate);
  return certificate;
}

/** As `isSignedBy`, for two certificates of issuers: a signature that was found right is not looked at again. */
export function isIssuerSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (verified.get(certificate)?.has(issuer)) return true;
  if (!isSignedBy(certificate, issuer)) return false;
  const issuers = verified.get(certificate) ?? new WeakSet();
  verified.set(certificate, issuers.add(issuer));
  return true;
}
