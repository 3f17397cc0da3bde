import { type KeyObject, verify } from 'node:crypto';
import { DerError } from './der-error.ts';
import { readDer } from './der-reader.ts';
import { Tag } from './der-tag.ts';
import { nullValue, objectIdentifier, sequence } from './der-writer.ts';
import { ObjectId } from './object-ids.ts';
import type { PublicKeyKind } from './public-key.ts';

/** How a key signs: the AlgorithmIdentifier in DER that says so, and the digest by Node's name. */
export interface SignatureAlgorithm {
  readonly identifier: Uint8Array;
  readonly digest: string | undefined;
}

const ECDSA_P256 = { identifier: sequence(objectIdentifier(ObjectId.ecdsaWithSha256)), digest: 'sha256' };
const ECDSA_P384 = { identifier: sequence(objectIdentifier(ObjectId.ecdsaWithSha384)), digest: 'sha384' };
const RSA = { identifier: sequence(objectIdentifier(ObjectId.sha256WithRsa), nullValue()), digest: 'sha256' };

/** The algorithm that this room signs with: the digest as strong as the curve, SHA-256 with RSA. */
export function signatureAlgorithmFor(kind: PublicKeyKind): SignatureAlgorithm {
  switch (kind.algorithm) {
    case 'ecdsa':
      return kind.curve === 'P256' ? ECDSA_P256 : ECDSA_P384;
    case 'rsa':
      return RSA;
    case 'other':
      throw new DerError(`keys of ${kind.name} cannot sign here`);
  }
}

interface Verifiable {
  readonly keyType: string;
  readonly digest?: string;
}

// What the other side may sign with. Digests below SHA-256 are absent on purpose.
const VERIFIABLE = new Map<string, Verifiable>([
  [ObjectId.ecdsaWithSha256, { keyType: 'ec', digest: 'sha256' }],
  [ObjectId.ecdsaWithSha384, { keyType: 'ec', digest: 'sha384' }],
  [ObjectId.ecdsaWithSha512, { keyType: 'ec', digest: 'sha512' }],
  [ObjectId.sha256WithRsa, { keyType: 'rsa', digest: 'sha256' }],
  [ObjectId.sha384WithRsa, { keyType: 'rsa', digest: 'sha384' }],
  [ObjectId.sha512WithRsa, { keyType: 'rsa', digest: 'sha512' }],
  [ObjectId.ed25519, { keyType: 'ed25519' }],
]);

/** Something signed, as certificates and CSRs are: the bytes, the AlgorithmIdentifier in DER, the signature. */
export interface Signed {
  readonly signedDer: Uint8Array;
  readonly signatureAlgorithmDer: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Whether this key made the signature.
 *
 * @throws DerError when the algorithm is not one that may be used
 */
export function isSignedWith(key: KeyObject, signed: Signed): boolean {
  const oid = readDer(signed.signatureAlgorithmDer, (outer) =>
    outer.within(Tag.SEQUENCE, (inside) => {
      const algorithm = inside.objectIdentifier();
      // RFC 8017: RSA has NULL here; RFC 5758 and RFC 8410: the others have nothing.
      if (!inside.done) inside.element(Tag.NULL);
      return algorithm;
    }),
  );
  const algorithm = VERIFIABLE.get(oid);
  if (algorithm === undefined) throw new DerError(`the signature algorithm ${oid} is not supported`);
  if (key.asymmetricKeyType !== algorithm.keyType) return false;
  return verify(algorithm.digest, signed.signedDer, key, signed.signature);
}
