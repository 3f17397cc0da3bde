import { createPublicKey, type KeyObject } from 'node:crypto';
import { DerError } from './der-error.ts';

/** What kind of key it is. `other` names the algorithm or curve as OpenSSL does. */
export type PublicKeyKind =
  | { readonly algorithm: 'ecdsa'; readonly curve: 'P256' | 'P384' }
  | { readonly algorithm: 'rsa'; readonly bits: number }
  | { readonly algorithm: 'other'; readonly name: string };

/**
 * Reads a SubjectPublicKeyInfo in DER; for this room only.
 *
 * @throws DerError when it is none, or of an algorithm that OpenSSL does not know
 */
export function importPublicKey(spkiDer: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spkiDer), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new DerError('the public key cannot be read', { cause });
  }
}

/** The kind of a key in this room's hands. */
export function kindOf(key: KeyObject): PublicKeyKind {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return { algorithm: 'rsa', bits: modulusLength };
  if (namedCurve === 'prime256v1') return { algorithm: 'ecdsa', curve: 'P256' };
  if (namedCurve === 'secp384r1') return { algorithm: 'ecdsa', curve: 'P384' };
  return { algorithm: 'other', name: namedCurve ?? key.asymmetricKeyType ?? 'unknown' };
}
