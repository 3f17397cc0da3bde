import { createPublicKey, type KeyObject } from 'node:crypto';
import { DerError } from './der-error.ts';
import { DerReader } from './der-reader.ts';
import { Tag } from './der-tag.ts';
import { bitString, objectIdentifier, sequence } from './der-writer.ts';
import { ObjectId } from './object-ids.ts';

/** What kind of key it is. `other` names the algorithm or curve as OpenSSL does. */
export type PublicKeyKind =
  | { readonly algorithm: 'ecdsa'; readonly curve: 'P256' | 'P384' }
  | { readonly algorithm: 'rsa'; readonly bits: number }
  | { readonly algorithm: 'other'; readonly name: string };

/**
 * Reads a SubjectPublicKeyInfo in DER; for this room only.
 *
 * @throws DerError when it is none, of an algorithm that OpenSSL does not know, or of a curve that is written out
 */
export function importPublicKey(spkiDer: Uint8Array): KeyObject {
  const key = readKey(spkiDer);
  if (key.asymmetricKeyType === 'ec') demandNamedCurve(spkiDer);
  return key;
}

function readKey(spkiDer: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spkiDer), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new DerError('the public key cannot be read', { cause });
  }
}

/**
 * RFC 5480, 2.1.1: a curve is named, never written out, for what is written out may be another one with a weak base
 * point (CVE-2020-0601). OpenSSL takes it for the curve that it resembles.
 */
function demandNamedCurve(spkiDer: Uint8Array): void {
  const isNamed = new DerReader(spkiDer).enter(Tag.SEQUENCE).within(Tag.SEQUENCE, (algorithm) => {
    algorithm.objectIdentifier();
    return algorithm.any().tag === Tag.OBJECT_IDENTIFIER;
  });
  if (!isNamed) throw new DerError('the curve of the public key is not named');
}

/** Enough for the intermediates and roots of every CA that one agent talks to. */
const REMEMBERED_KEYS = 32;
const remembered = new Map<string, KeyObject>();

/**
 * As `importPublicKey`, for keys of issuers: the same few verify every certificate, and reading one costs twice
 * what verifying with it does.
 */
export function importIssuerKey(spkiDer: Uint8Array): KeyObject {
  const name = Buffer.from(spkiDer.buffer, spkiDer.byteOffset, spkiDer.byteLength).toString('latin1');
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const key = importPublicKey(spkiDer);
  const [oldest] = remembered.keys();
  if (oldest !== undefined && remembered.size >= REMEMBERED_KEYS) remembered.delete(oldest);
  remembered.set(name, key);
  return key;
}

const P256 = sequence(objectIdentifier(ObjectId.ecPublicKey), objectIdentifier(ObjectId.prime256v1));
const P384 = sequence(objectIdentifier(ObjectId.ecPublicKey), objectIdentifier(ObjectId.secp384r1));

/**
 * The SubjectPublicKeyInfo in DER of an ECDSA key (RFC 5480, section 2). OpenSSL's own encoder takes ten times as long.
 *
 * @param point 04, x, y (SEC 1, 2.3.3)
 */
export function writeEcPublicKey(curve: 'P256' | 'P384', point: Uint8Array): Uint8Array {
  return sequence(curve === 'P256' ? P256 : P384, bitString(point));
}

/** The kind of a key in this room's hands. */
export function kindOf(key: KeyObject): PublicKeyKind {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return { algorithm: 'rsa', bits: modulusLength };
  if (namedCurve === 'prime256v1') return { algorithm: 'ecdsa', curve: 'P256' };
  if (namedCurve === 'secp384r1') return { algorithm: 'ecdsa', curve: 'P384' };
  return { algorithm: 'other', name: namedCurve ?? key.asymmetricKeyType ?? 'unknown' };
}
