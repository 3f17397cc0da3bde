import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export const AUDIENCE = 'istio-ca';
export const ISSUER = 'https://issuer.test';

type Members = Readonly<Record<string, unknown>>;

const DIGESTS: Readonly<Record<string, string>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };
const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** An issuer that signs whatever it is told to, on node:crypto alone: another lineage than the verifier's. */
export class TokenForge {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;

  constructor(alg = 'ES256', kid: string | undefined = 'key-1', rsaBits = 2048) {
    this.alg = alg;
    this.kid = kid;
    const { privateKey, publicKey } = keyPairFor(alg, rsaBits);
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
  }

  /** The public key as a member of a key set. */
  get jwk(): Members {
    return { ...this.#publicKey.export({ format: 'jwk' }), kid: this.kid, alg: this.alg, use: 'sig' };
  }

  /** The key with its private members, as somebody careless might publish it. */
  get privateJwk(): Members {
    return { ...this.#privateKey.export({ format: 'jwk' }), kid: this.kid };
  }

  /** The public key as an attacker would use it for an HMAC secret. */
  get publicPem(): string {
    return this.#publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  /** A token with this payload, properly signed; `header` overrides what the header says. */
  sign(payload: Members | string, header: Members = {}): string {
    const input = toInput({ alg: this.alg, kid: this.kid, ...header }, payload);
    return `${input}.${this.#signature(input).toString('base64url')}`;
  }

  #signature(input: string): Buffer {
    const data = Buffer.from(input);
    const digest = DIGESTS[this.alg.slice(-3)];
    if (this.alg.startsWith('ES')) return sign(digest, data, { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
    // 6 is RSA_PKCS1_PSS_PADDING, -1 a salt as long as the digest.
    if (this.alg.startsWith('PS')) return sign(digest, data, { key: this.#privateKey, padding: 6, saltLength: -1 });
    return sign(digest, data, this.#privateKey);
  }
}

/** A token that nobody signed. */
export function unsigned(payload: Members, alg = 'none'): string {
  return `${toInput({ alg }, payload)}.`;
}

/** A token with an HMAC in place of a signature. */
export function hmacSigned(payload: Members, secret: string, header: Members = {}): string {
  const input = toInput({ alg: 'HS256', ...header }, payload);
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** The claims of a projected service-account token that is valid for an hour. */
export function goodClaims(nowMs: number, overrides: Members = {}): Members {
  const now = Math.floor(nowMs / 1000);
  return {
    iss: ISSUER,
    sub: 'system:serviceaccount:shop:web',
    aud: [AUDIENCE],
    iat: now,
    nbf: now,
    exp: now + 3600,
    'kubernetes.io': { namespace: 'shop', pod: { name: 'web-1', uid: '6d2e8e1c-0a4c-4b62-9d5e-0f3b1c2d3e4f' } },
    ...overrides,
  };
}

/** A key set with these keys. */
export function keySetOf(...forges: readonly TokenForge[]): string {
  return JSON.stringify({ keys: forges.map(({ jwk }) => jwk) });
}

function toInput(header: Members, payload: Members | string): string {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return [JSON.stringify(header), text].map((part) => Buffer.from(part).toString('base64url')).join('.');
}

function keyPairFor(alg: string, modulusLength: number): { privateKey: KeyObject; publicKey: KeyObject } {
  // Read back from PEM: see `createKeyPair` for what the JWK of a generated key object may do.
  const privateKey = createPrivateKey(generatePem(alg, modulusLength));
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function generatePem(alg: string, modulusLength: number): string {
  const publicKeyEncoding = { format: 'pem', type: 'spki' } as const;
  const privateKeyEncoding = { format: 'pem', type: 'pkcs8' } as const;
  const namedCurve = CURVES[alg];
  if (namedCurve !== undefined)
    return generateKeyPairSync('ec', { namedCurve, publicKeyEncoding, privateKeyEncoding }).privateKey;
  if (alg.startsWith('Ed')) return generateKeyPairSync('ed25519', { publicKeyEncoding, privateKeyEncoding }).privateKey;
  return generateKeyPairSync('rsa', { modulusLength, publicKeyEncoding, privateKeyEncoding }).privateKey;
}
