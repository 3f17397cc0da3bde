import type { CryptoKey } from 'jose';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import { CompactSign } from 'jose/jws/compact/sign';
import { AgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { Redacted } from '../core/redacted.ts';
import { serviceAccountId } from '../core/spiffe-id.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';
import { sha256Hex } from '../keys/digest.ts';
import { loadDevelopmentKey } from './development-key-file.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { parseKeySet } from './key-set.ts';

const ISSUER = 'urn:sds-node-agent:development';

export interface DevelopmentIssuerOptions {
  /** Where its key is kept, in a file of its own. */
  readonly stateDir: string;
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** Whose token to make. */
export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The pod that it is bound to. A name always gives the same pod UID. */
  readonly pod: string;
  readonly audiences: readonly string[];
  readonly ttlMs: number;
}

/** Takes the place of a Kubernetes API server on a developer's machine: it makes service-account tokens. */
export class DevelopmentIssuer {
  /** The public key as a JSON Web Key Set, for verifiers elsewhere. */
  readonly jwks: string;
  /** The `iss` of its tokens. */
  readonly issuer: string = ISSUER;
  readonly #kid: string;
  readonly #privateKey: CryptoKey | Uint8Array;
  readonly #trustDomain: string;
  readonly #clock: Clock;

  constructor(
    key: { readonly kid: string; readonly privateKey: CryptoKey | Uint8Array; readonly jwks: string },
    { trustDomain, clock }: Pick<DevelopmentIssuerOptions, 'trustDomain' | 'clock'>,
  ) {
    this.jwks = key.jwks;
    this.#kid = key.kid;
    this.#privateKey = key.privateKey;
    this.#trustDomain = trustDomain;
    this.#clock = clock;
  }

  /**
   * Makes a token with the claims of a projected service-account token.
   *
   * @throws AgentError `request-invalid` for names that a SPIFFE ID cannot carry
   */
  async mint(request: TokenRequest): Promise<Token> {
    const { namespace, serviceAccount, pod, audiences, ttlMs } = request;
    serviceAccountId(this.#trustDomain, namespace, serviceAccount);
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const claims = {
      iss: ISSUER,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      aud: audiences,
      exp: nowSeconds + Math.ceil(ttlMs / 1000),
      iat: nowSeconds,
      nbf: nowSeconds,
      jti: crypto.randomUUID(),
      'kubernetes.io': {
        namespace,
        pod: { name: pod, uid: toUid('pod', namespace, pod) },
        serviceaccount: { name: serviceAccount, uid: toUid('serviceaccount', namespace, serviceAccount) },
      },
    };
    const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'ES256', kid: this.#kid })
      .sign(this.#privateKey);
    return new Redacted(token);
  }

  /** The verifier `embedded`: accepts this issuer's tokens alone. */
  verifier(audiences: readonly string[]): TokenVerifier {
    const keys = parseKeySet(this.jwks);
    const finder = {
      async keysFor(header: Parameters<typeof keys.fitting>[0]) {
        const found = keys.fitting(header);
        if (found.length > 0) return found;
        throw new AgentError('token-rejected', 'the token is not accepted: it is signed with an unknown key');
      },
    };
    const expected = { trustDomain: this.#trustDomain, audiences, issuer: ISSUER };
    return new JwtVerifier('embedded', finder, expected, this.#clock);
  }
}

/**
 * The development issuer whose key is in `stateDir`, made there if there is none yet.
 *
 * @throws AgentError `token-verifier-unavailable` for a key file that is not usable
 */
export async function loadDevelopmentIssuer(options: DevelopmentIssuerOptions): Promise<DevelopmentIssuer> {
  const { publicJwk, privateKey } = await loadDevelopmentKey(options.stateDir);
  const kid = await calculateJwkThumbprint(publicJwk);
  const jwks = JSON.stringify({ keys: [{ ...publicJwk, kid, alg: 'ES256', use: 'sig' }] });
  return new DevelopmentIssuer({ kid, jwks, privateKey }, options);
}

/** A UID that looks like Kubernetes' and is always the same for the same names. */
function toUid(...names: readonly string[]): string {
  const hex = sha256Hex(names.join('/'));
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
