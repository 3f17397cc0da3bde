import { type Certificate, isSignedBy, parseCertificate } from './certificate.ts';

/** Enough for the intermediates and roots of every CA that one agent talks to. */
const ISSUERS = 32;
/** A leaf is looked at a few times in a row, by a provider and by the issuer, and then never again. */
const LEAVES = 16;

const issuers = new Map<string, Certificate>();
const leaves = new Map<string, Certificate>();
const verified = new WeakMap<Certificate, WeakSet<Certificate>>();

/**
 * As `parseCertificate`, for certificates of issuers: the same few come with every answer of a CA, so equal bytes give
 * the same object without being read again.
 *
 * @throws AgentError `ca-answer-invalid`, saying what is wrong
 */
export function parseIssuerCertificate(der: Uint8Array): Certificate {
  return parseOnce(der, issuers, ISSUERS);
}

/** As `parseIssuerCertificate`, for a leaf that a CA has just given, so that leaves push no issuer out. */
export function parseLeafCertificate(der: Uint8Array): Certificate {
  return parseOnce(der, leaves, LEAVES);
}

/** As `isSignedBy`: what was found signed by this issuer is not looked at again, as the same object or equal bytes. */
export function isKnownSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (verified.get(certificate)?.has(issuer)) return true;
  if (!isSignedBy(certificate, issuer)) return false;
  const found = verified.get(certificate) ?? new WeakSet();
  verified.set(certificate, found.add(issuer));
  return true;
}

function parseOnce(der: Uint8Array, known: Map<string, Certificate>, most: number): Certificate {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
  const found = known.get(bytes);
  if (found !== undefined) return found;
  const certificate = parseCertificate(der);
  const [oldest] = known.keys();
  if (oldest !== undefined && known.size >= most) known.delete(oldest);
  known.set(bytes, certificate);
  return certificate;
}
