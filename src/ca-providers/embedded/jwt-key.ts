import type { CryptoKey, JWK } from 'jose';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import { exportJWK } from 'jose/key/export';
import { importPKCS8, importSPKI } from 'jose/key/import';
import { Redacted } from '../../core/redacted.ts';
import { createKeyPair, type KeyPair, parsePrivateKey } from '../../keys/key-pair.ts';
import { toPem } from '../../keys/pem.ts';
import { brokenState } from './state-fields.ts';

/** The algorithm of every JWT-SVID that is signed here (RFC 7518, section 3.4). */
export const JWT_ALGORITHM = 'ES256';

/** A key that signs JWT-SVIDs and nothing else. */
export interface JwtKey {
  /** From when on it signs, in wall-clock milliseconds; until the next one does. It is published before. */
  readonly signsFromMs: number;
  /** Names it in tokens and in the bundle: its thumbprint (RFC 7638). */
  readonly kid: string;
  /** The public members alone (RFC 7518, section 6.2). */
  readonly publicJwk: JWK;
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
  /** PKCS#8, as it is kept. */
  readonly pem: Redacted<string>;
}

/** Makes a key. */
export async function createJwtKey(signsFromMs: number): Promise<JwtKey> {
  return toJwtKey(await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' }), signsFromMs);
}

/** Reads a key as it is kept. Rejects with `ca-state-broken`, without the key. */
export async function parseJwtKey(pem: Redacted<string>, signsFromMs: number): Promise<JwtKey> {
  const keyPair = parsePrivateKey(pem);
  try {
    return await toJwtKey(keyPair, signsFromMs);
  } catch {
    throw brokenState('a key is not of the curve P-256');
  }
}

async function toJwtKey(keyPair: KeyPair, signsFromMs: number): Promise<JwtKey> {
  const pem = new Redacted(keyPair.privateKeyPem('pkcs8').reveal().toString());
  const privateKey = await importPKCS8(pem.reveal(), JWT_ALGORITHM);
  const spki = toPem('PUBLIC KEY', keyPair.publicKeyDer);
  const publicKey = await importSPKI(spki, JWT_ALGORITHM, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  return { signsFromMs, kid: await calculateJwkThumbprint(publicJwk), publicJwk, publicKey, privateKey, pem };
}
