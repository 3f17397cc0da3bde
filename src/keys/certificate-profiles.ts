import { createHash, randomBytes } from 'node:crypto';
import type { SpiffeId } from '../core/spiffe-id.ts';
import type { CertificateTemplate } from './certificate-builder.ts';
import { readDer } from './der-reader.ts';
import { Tag } from './der-tag.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extKeyUsage,
  type KeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from './extensions.ts';
import { writeName } from './name.ts';
import { ObjectId } from './object-ids.ts';
import { type SubjectAltName, subjectAltName } from './subject-alt-name.ts';

/** When a certificate is valid, in milliseconds since the epoch. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Who signs: the subject and the key of its certificate. `Certificate` has this shape. */
export interface IssuerName {
  readonly subjectDer: Uint8Array;
  readonly publicKeyDer: Uint8Array;
}

export interface CaSubject {
  readonly trustDomain: string;
  /** What it is, for people: it becomes part of the common name. */
  readonly role: string;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyDer: Uint8Array;
}

/** A self-signed root. */
export function rootTemplate(subject: CaSubject, validity: Validity): CertificateTemplate {
  const subjectDer = caName(subject);
  return caTemplate(subject, subjectDer, { ...subject, subjectDer }, validity, undefined);
}

/** A CA below a root that signs leaves and no further CAs (path length 0). */
export function intermediateTemplate(subject: CaSubject, issuer: IssuerName, validity: Validity): CertificateTemplate {
  return caTemplate(subject, caName(subject), issuer, validity, 0);
}

/** A workload's certificate (X509-SVID, section 4): empty subject, the SPIFFE ID as its only name, client and server. */
export function leafTemplate(
  subject: { readonly spiffeId: SpiffeId; readonly publicKeyDer: Uint8Array; readonly isRsa: boolean },
  issuer: IssuerName,
  validity: Validity,
): CertificateTemplate {
  // RFC 5246, 7.4.2: TLS 1.2's RSA key exchange needs keyEncipherment as well.
  const usages: KeyUsage[] = subject.isRsa ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature'];
  const names: SubjectAltName[] = [{ kind: 'uri', value: subject.spiffeId }];
  return endTemplate({ ...subject, names }, usages, [ObjectId.serverAuth, ObjectId.clientAuth], issuer, validity);
}

/** A TLS server's certificate: empty subject, DNS names and addresses (RFC 9525), for a key that is not RSA. No client. */
export function serverTemplate(
  subject: { readonly names: readonly SubjectAltName[]; readonly publicKeyDer: Uint8Array },
  issuer: IssuerName,
  validity: Validity,
): CertificateTemplate {
  return endTemplate(subject, ['digitalSignature'], [ObjectId.serverAuth], issuer, validity);
}

function endTemplate(
  subject: { readonly names: readonly SubjectAltName[]; readonly publicKeyDer: Uint8Array },
  usages: readonly KeyUsage[],
  purposes: readonly string[],
  issuer: IssuerName,
  validity: Validity,
): CertificateTemplate {
  return {
    ...validity,
    serial: randomSerial(),
    issuerDer: issuer.subjectDer,
    subjectDer: writeName(),
    publicKeyDer: subject.publicKeyDer,
    extensions: [
      keyUsage(usages),
      extKeyUsage(purposes),
      basicConstraints({ isCa: false }),
      authorityKeyIdentifier(keyIdentifier(issuer.publicKeyDer)),
      subjectAltName(subject.names),
    ],
  };
}

function caTemplate(
  subject: CaSubject,
  subjectDer: Uint8Array,
  issuer: IssuerName,
  validity: Validity,
  pathLength: number | undefined,
): CertificateTemplate {
  const extensions: Extension[] = [
    keyUsage(['keyCertSign', 'cRLSign']),
    basicConstraints({ isCa: true, pathLength }),
    subjectKeyIdentifier(keyIdentifier(subject.publicKeyDer)),
    authorityKeyIdentifier(keyIdentifier(issuer.publicKeyDer)),
    // X509-SVID, section 4.2: a signing certificate names its trust domain, without a path.
    subjectAltName([{ kind: 'uri', value: `spiffe://${subject.trustDomain}` }], false),
  ];
  return {
    ...validity,
    serial: randomSerial(),
    issuerDer: issuer.subjectDer,
    subjectDer,
    publicKeyDer: subject.publicKeyDer,
    extensions,
  };
}

/** A name of its own for each CA key, so that nobody who looks issuers up by name takes one for the other. */
function caName({ role, publicKeyDer }: CaSubject): Uint8Array {
  const suffix = Buffer.from(keyIdentifier(publicKeyDer)).toString('hex', 0, 4);
  return writeName({ organization: 'sds-node-agent', commonName: `${role} ${suffix}` });
}

/** 127 random bits, positive: RFC 5280, 4.1.2.2 allows 20 octets, the CA/Browser Forum asks for 64 random bits. */
function randomSerial(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

/** The key's name: 160 bits of the SHA-256 of the key's bits (RFC 7093, section 2, method 1). */
function keyIdentifier(publicKeyDer: Uint8Array): Uint8Array {
  const bits = readDer(publicKeyDer, (reader) =>
    reader.within(Tag.SEQUENCE, (inside) => {
      inside.element(Tag.SEQUENCE);
      return inside.bitString();
    }),
  );
  return createHash('sha256').update(bits).digest().subarray(0, 20);
}
