import type { CryptoKey, JWK } from 'jose';
import { importJWK } from 'jose/key/import';

/** The key types that belong to the signature algorithms that are accepted: asymmetric ones only (RFC 7518, RFC 8037). */
const KEY_TYPES = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
} as const satisfies Record<string, { kty: string; crv?: string }>;

export type SignatureAlgorithm = keyof typeof KEY_TYPES;

/** Whether it is the name of an algorithm that is accepted at all. `none` and the HMAC ones are not. */
export function isSignatureAlgorithm(name: unknown): name is SignatureAlgorithm {
  return typeof name === 'string' && Object.hasOwn(KEY_TYPES, name);
}

/** What a token's header says about its signature. */
export interface TokenHeader {
  readonly alg: SignatureAlgorithm;
  readonly kid: string | undefined;
}

/** One public key of an issuer. */
export class PublicKey {
  readonly #jwk: JWK;
  readonly #imported = new Map<SignatureAlgorithm, Promise<CryptoKey | Uint8Array>>();

  constructor(jwk: JWK) {
    this.#jwk = jwk;
  }

  /** Whether a token with this header may have been signed with it. */
  fits({ alg, kid }: TokenHeader): boolean {
    const jwk = this.#jwk;
    const type: { kty: string; crv?: string } = KEY_TYPES[alg];
    return (
      jwk.kty === type.kty &&
      (type.crv === undefined || jwk.crv === type.crv) &&
      (jwk.alg === undefined || jwk.alg === alg) &&
      (jwk.use === undefined || jwk.use === 'sig') &&
      (kid === undefined || jwk.kid === undefined || jwk.kid === kid)
    );
  }

  /** The key for use with this algorithm, imported once. Rejects for a key that is broken. */
  import(alg: SignatureAlgorithm): Promise<CryptoKey | Uint8Array> {
    let key = this.#imported.get(alg);
    if (key === undefined) {
      key = importJWK(publicMembers(this.#jwk), alg);
      this.#imported.set(alg, key);
    }
    return key;
  }
}

/** Without private members, should somebody have published those too: importing them would give a signing key. */
function publicMembers({ kty, crv, x, y, n, e }: JWK): JWK {
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, member]) => member !== undefined));
}
