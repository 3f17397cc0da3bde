import { constructedContextTag } from './der-tag.ts';
import { bitString, element, sequence, time, unsignedInteger } from './der-writer.ts';
import { type Extension, writeExtension } from './extensions.ts';
import type { KeyPair } from './key-pair.ts';

/** Everything that a certificate says (RFC 5280, 4.1), right or wrong: nothing is checked here. */
export interface CertificateTemplate {
  /** Big-endian bytes of a positive number, at most 20. */
  readonly serial: Uint8Array;
  /** Names in DER. */
  readonly issuerDer: Uint8Array;
  readonly subjectDer: Uint8Array;
  /** Cut to the second. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyDer: Uint8Array;
  /** In the order in which they are written; none are allowed. */
  readonly extensions: readonly Extension[];
}

/** Writes the certificate and signs it with the issuer's key; in DER. */
export function signCertificate(template: CertificateTemplate, issuerKey: KeyPair): Uint8Array {
  const body = sequence(
    element(constructedContextTag(0), unsignedInteger(2)),
    unsignedInteger(template.serial),
    issuerKey.signatureAlgorithmDer,
    template.issuerDer,
    sequence(time(template.notBeforeMs), time(template.notAfterMs)),
    template.subjectDer,
    template.publicKeyDer,
    ...writeExtensions(template.extensions),
  );
  return sequence(body, issuerKey.signatureAlgorithmDer, bitString(issuerKey.sign(body)));
}

function writeExtensions(extensions: readonly Extension[]): Uint8Array[] {
  if (extensions.length === 0) return [];
  return [element(constructedContextTag(3), sequence(...extensions.map(writeExtension)))];
}
