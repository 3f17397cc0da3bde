import { AgentError } from '../core/agent-error.ts';
import type { DerCertificates } from '../core/ca-provider.ts';
import { DerError } from './der-error.ts';
import { type DerReader, readDer } from './der-reader.ts';
import { constructedContextTag, contextTag, Tag } from './der-tag.ts';
import {
  type BasicConstraints,
  type Extension,
  type KeyUsage,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readExtensions,
  readExtKeyUsage,
  readKeyUsage,
  readSubjectKeyIdentifier,
} from './extensions.ts';
import { ObjectId } from './object-ids.ts';
import { importIssuerKey } from './public-key.ts';
import { isSignedWith, type Signed } from './signature-algorithm.ts';
import { readSubjectAltNames, type SubjectAltName } from './subject-alt-name.ts';

/** A certificate (RFC 5280, 4.1), read but not verified. The byte arrays are views into `der`. */
export interface Certificate extends Signed {
  readonly der: Uint8Array;
  /** Lower-case hex, whole bytes, without the sign byte. */
  readonly serial: string;
  /** The Names in DER, as they are. */
  readonly issuerDer: Uint8Array;
  readonly subjectDer: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyDer: Uint8Array;
  readonly subjectAltNames: readonly SubjectAltName[];
  /** The values of those names that are URIs. */
  readonly uriSans: readonly string[];
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  /** Undefined where the certificate does not restrict them. */
  readonly keyUsage: readonly KeyUsage[] | undefined;
  readonly extKeyUsage: readonly string[] | undefined;
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
  /** Object identifiers of critical extensions that TLS libraries do not know: they refuse such a certificate. */
  readonly unknownCritical: readonly string[];
}

/**
 * Reads a certificate in DER.
 *
 * @throws AgentError `ca-answer-invalid`, saying what is wrong
 */
export function parseCertificate(der: Uint8Array): Certificate {
  try {
    return readDer(der, (reader) => readCertificate(reader, der));
  } catch (thrown) {
    if (!(thrown instanceof DerError)) throw thrown;
    throw new AgentError('ca-answer-invalid', `not a certificate: ${thrown.message}`, { cause: thrown });
  }
}

function readCertificate(reader: DerReader, der: Uint8Array): Certificate {
  return reader.within(Tag.SEQUENCE, (outer) => {
    const signed = outer.element(Tag.SEQUENCE);
    const signatureAlgorithmDer = outer.element(Tag.SEQUENCE).whole;
    const signature = outer.bitString();
    const body = readDer(signed.content, readBody);
    if (Buffer.compare(body.signatureAlgorithmDer, signatureAlgorithmDer) !== 0) {
      throw new DerError('it names two different signature algorithms');
    }
    return { ...body, der, signedDer: signed.whole, signature };
  });
}

function readBody(body: DerReader): Omit<Certificate, 'der' | 'signedDer' | 'signature'> {
  const version = body.nextIs(constructedContextTag(0))
    ? body.within(constructedContextTag(0), (inside) => inside.smallInteger())
    : 0;
  // RFC 5280, 4.1.2.1: extensions exist from version 3 on, which is written 2.
  if (version !== 2) throw new DerError('it is not of version 3');
  const serial = readSerial(body.integer());
  const signatureAlgorithmDer = body.element(Tag.SEQUENCE).whole;
  const issuerDer = body.element(Tag.SEQUENCE).whole;
  const [notBeforeMs, notAfterMs] = body.within(Tag.SEQUENCE, (validity) => [validity.timeMs(), validity.timeMs()]);
  const subjectDer = body.element(Tag.SEQUENCE).whole;
  const publicKeyDer = body.element(Tag.SEQUENCE).whole;
  skipUniqueIds(body);
  const extensions = body.done
    ? new Map<string, Extension>()
    : body.within(constructedContextTag(3), (inside) => readExtensions(inside));
  return {
    signatureAlgorithmDer,
    serial,
    issuerDer,
    subjectDer,
    notBeforeMs,
    notAfterMs,
    publicKeyDer,
    ...toKnownExtensions(extensions),
  };
}

function readSerial(bytes: Uint8Array): string {
  const [first = 0, ...rest] = bytes;
  // RFC 5280, 4.1.2.2: positive, at most 20 octets.
  if (first >= 0x80 || bytes.length > 21) throw new DerError('its serial number is negative or too long');
  return Buffer.from(first === 0 && rest.length > 0 ? rest : bytes).toString('hex');
}

/** Steps over issuerUniqueID and subjectUniqueID, which nobody uses. */
function skipUniqueIds(body: DerReader): void {
  for (const tag of [contextTag(1), contextTag(2)]) if (body.nextIs(tag)) body.any();
}

// Known to BoringSSL, Envoy's TLS library, which judges those that are not read here.
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  ObjectId.basicConstraints,
  ObjectId.certificatePolicies,
  ObjectId.extKeyUsage,
  ObjectId.inhibitAnyPolicy,
  ObjectId.keyUsage,
  ObjectId.nameConstraints,
  ObjectId.policyConstraints,
  ObjectId.policyMappings,
  ObjectId.subjectAltName,
]);

function toKnownExtensions(extensions: ReadonlyMap<string, Extension>) {
  const read = <T>(id: string, reader: (extension: Extension) => T): T | undefined => {
    const extension = extensions.get(id);
    return extension === undefined ? undefined : reader(extension);
  };
  const constraints: BasicConstraints | undefined = read(ObjectId.basicConstraints, readBasicConstraints);
  const subjectAltNames = read(ObjectId.subjectAltName, readSubjectAltNames) ?? [];
  return {
    subjectAltNames,
    uriSans: subjectAltNames.filter(({ kind }) => kind === 'uri').map(({ value }) => value),
    isCa: constraints?.isCa ?? false,
    pathLength: constraints?.pathLength,
    keyUsage: read(ObjectId.keyUsage, readKeyUsage),
    extKeyUsage: read(ObjectId.extKeyUsage, readExtKeyUsage),
    subjectKeyId: read(ObjectId.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityKeyId: read(ObjectId.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    unknownCritical: [...extensions.values()]
      .filter(({ id, critical }) => critical && !KNOWN_EXTENSIONS.has(id))
      .map(({ id }) => id),
  };
}

/**
 * Whether the issuer's key signed the child, and their names say so too (RFC 5280, 6.1.3 and 4.2.1.1).
 *
 * @throws AgentError `ca-answer-invalid` where that cannot be told: an algorithm that is too weak or unknown
 */
export function isSignedBy(child: Certificate, issuer: Certificate): boolean {
  if (!sameBytes(child.issuerDer, issuer.subjectDer)) return false;
  if (child.authorityKeyId !== undefined && issuer.subjectKeyId !== undefined) {
    if (!sameBytes(child.authorityKeyId, issuer.subjectKeyId)) return false;
  }
  try {
    return isSignedWith(importIssuerKey(issuer.publicKeyDer), child);
  } catch (thrown) {
    if (!(thrown instanceof DerError)) throw thrown;
    const fault = `the signature of certificate ${child.serial} cannot be verified: ${thrown.message}`;
    throw new AgentError('ca-answer-invalid', fault, { cause: thrown });
  }
}

/** Whether its own key signed it, as a root's does. */
export function isSelfSigned(certificate: Certificate): boolean {
  return isSignedBy(certificate, certificate);
}

/** Whether these are the same certificates, in any order; none may be there twice. */
export function sameCertificates(some: DerCertificates, others: DerCertificates): boolean {
  return some.length === others.length && some.every((der) => others.some((other) => sameBytes(der, other)));
}

/** Whether two byte arrays are equal. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
