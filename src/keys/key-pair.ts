import { createECDH, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { AgentError } from '../core/agent-error.ts';
import type { KeySpec } from '../core/key-spec.ts';
import { Redacted } from '../core/redacted.ts';
import { kindOf, type PublicKeyKind, writeEcPublicKey } from './public-key.ts';
import { type SignatureAlgorithm, signatureAlgorithmFor } from './signature-algorithm.ts';

/** How a private key is written: PKCS#8 (RFC 5958), or the older SEC 1 (RFC 5915) and PKCS#1 (RFC 8017). */
export type PrivateKeyEncoding = 'pkcs8' | 'traditional';

/** A private key in memory with its public half. Nothing but `privateKeyPem` gives the private half out. */
export class KeyPair {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyDer: Uint8Array;
  readonly #privateKey: KeyObject;
  readonly #signature: SignatureAlgorithm;

  private constructor(privateKey: KeyObject, kind: PublicKeyKind, publicKeyDer: Uint8Array) {
    this.#privateKey = privateKey;
    this.#signature = signatureAlgorithmFor(kind);
    this.publicKeyDer = publicKeyDer;
  }

  /** The pair of a private key about which nothing is known yet. */
  static of(privateKey: KeyObject): KeyPair {
    const publicKeyDer = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
    return new KeyPair(privateKey, kindOf(privateKey), publicKeyDer);
  }

  /** The pair of an ECDSA key whose public half is known: what OpenSSL would be asked for takes as long as a signature. */
  static ofEcdsa(privateKey: KeyObject, curve: 'P256' | 'P384', point: Uint8Array): KeyPair {
    return new KeyPair(privateKey, { algorithm: 'ecdsa', curve }, writeEcPublicKey(curve, point));
  }

  /** The AlgorithmIdentifier in DER of the signatures that `sign` makes. */
  get signatureAlgorithmDer(): Uint8Array {
    return this.#signature.identifier;
  }

  /** Signs with the digest that belongs to the key. */
  sign(data: Uint8Array): Uint8Array {
    return sign(this.#signature.digest, data, this.#privateKey);
  }

  /** The private key in PEM, a newline at the end. */
  privateKeyPem(encoding: PrivateKeyEncoding): Redacted<Buffer> {
    const traditional = this.#privateKey.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
    const type = encoding === 'pkcs8' ? 'pkcs8' : traditional;
    return new Redacted(Buffer.from(this.#privateKey.export({ type, format: 'pem' })));
  }
}

const generate = promisify(generateKeyPair);

/** By the names of SEC 2 and of RFC 7518, with the length of a coordinate. */
const CURVES = {
  P256: { name: 'prime256v1', crv: 'P-256', bytes: 32 },
  P384: { name: 'secp384r1', crv: 'P-384', bytes: 48 },
} as const;

/**
 * Makes a key. ECDSA on the spot, it takes 0.1 ms. RSA, at hundreds of milliseconds, on Node's thread pool.
 *
 * Never as the `KeyObject` that `generateKeyPair` gives: in Node 20 whoever asks one for its details or its JWK holds
 * the lock that the collector wants when it disposes of what made the key. Where a garbage collection falls into
 * that, the process stands still for good.
 */
export async function createKeyPair(spec: KeySpec): Promise<KeyPair> {
  switch (spec.algorithm) {
    case 'ecdsa': {
      const { name, crv, bytes } = CURVES[spec.curve];
      const generated = createECDH(name);
      // 04, x, y (SEC 1, 2.3.3).
      const point = generated.generateKeys();
      const x = point.toString('base64url', 1, 1 + bytes);
      const y = point.toString('base64url', 1 + bytes);
      const scalar = generated.getPrivateKey();
      const d = Buffer.concat([Buffer.alloc(bytes - scalar.length), scalar]).toString('base64url');
      const privateKey = createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv, x, y, d } });
      return KeyPair.ofEcdsa(privateKey, spec.curve, point);
    }
    case 'rsa': {
      const encoding = { format: 'der', type: 'pkcs8' } as const;
      const { privateKey } = await generate('rsa', {
        modulusLength: spec.bits,
        privateKeyEncoding: encoding,
        publicKeyEncoding: { format: 'der', type: 'spki' },
      });
      return KeyPair.of(createPrivateKey({ ...encoding, key: privateKey }));
    }
  }
}

/**
 * Reads a private key in PEM.
 *
 * @throws AgentError `ca-state-broken`, without the key: only a CA keeps its key outside of memory
 */
export function parsePrivateKey(pem: Redacted<string>): KeyPair {
  try {
    return KeyPair.of(createPrivateKey(pem.reveal()));
  } catch {
    // The cause may quote its input.
    throw new AgentError('ca-state-broken', 'the private key cannot be read');
  }
}
