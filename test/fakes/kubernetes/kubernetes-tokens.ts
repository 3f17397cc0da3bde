import { createPublicKey, type KeyObject, randomUUID, verify } from 'node:crypto';
import type { Clock } from '../../../src/core/clock.ts';
import { TokenForge } from '../../identity/token-forge.ts';
import type { KubeObject, ObjectStore } from './kubernetes-objects.ts';

/** Who makes the tokens; also the audience of tokens for the API server itself. */
export const KUBERNETES_ISSUER = 'https://kubernetes.default.svc.cluster.local';

/** Whom the API server takes somebody for, as in a TokenReview. */
export interface ReviewedUser {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export type Authentication =
  | { readonly user: ReviewedUser; readonly audiences: readonly string[] }
  | { readonly error: string };

export interface NewToken {
  readonly serviceAccount: KubeObject;
  readonly pod?: KubeObject | undefined;
  readonly audiences?: readonly string[];
  readonly seconds: number;
}

interface Reference {
  readonly name: string;
  readonly uid: string;
}

interface TokenClaims {
  readonly iss?: unknown;
  readonly sub?: unknown;
  readonly aud?: string | readonly string[];
  readonly exp?: unknown;
  readonly nbf?: unknown;
  readonly jti?: string;
  readonly 'kubernetes.io'?: {
    readonly namespace?: string;
    readonly serviceaccount?: Reference;
    readonly pod?: Reference;
    readonly node?: Reference;
  };
}

const KEY_ID = 'kube-1';
/** The leeway of go-jose, with which API servers look at times. */
const LEEWAY_SECONDS = 60;

/** Makes and verifies service-account tokens as an API server does (pkg/serviceaccount of Kubernetes). */
export class KubernetesTokens {
  /** Tokens that are not accepted any more. */
  readonly revoked = new Set<string>();
  readonly #forge = new TokenForge('RS256', KEY_ID);
  readonly #publicKey: KeyObject = createPublicKey(this.#forge.publicPem);
  readonly #clock: Clock;
  readonly #pods: ObjectStore;
  readonly #serviceAccounts: ObjectStore;

  constructor(clock: Clock, pods: ObjectStore, serviceAccounts: ObjectStore) {
    this.#clock = clock;
    this.#pods = pods;
    this.#serviceAccounts = serviceAccounts;
  }

  get jwks(): string {
    return JSON.stringify({ keys: [this.#forge.jwk] });
  }

  get publicPem(): string {
    return this.#forge.publicPem;
  }

  mint({ serviceAccount, pod, audiences = [KUBERNETES_ISSUER], seconds }: NewToken): string {
    const { namespace, name, uid } = serviceAccount.metadata;
    const now = Math.floor(this.#clock.now() / 1000);
    const node = pod?.spec?.nodeName;
    return this.sign({
      aud: audiences,
      exp: now + seconds,
      iat: now,
      iss: KUBERNETES_ISSUER,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        ...(node !== undefined && { node: { name: node, uid: `uid-of-${node}` } }),
        ...(pod && { pod: { name: pod.metadata.name, uid: pod.metadata.uid } }),
        serviceaccount: { name, uid },
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${name}`,
    });
  }

  /** Signs any claims with the server's own key; `header` overrides what the header says. */
  sign(claims: Readonly<Record<string, unknown>>, header: Readonly<Record<string, unknown>> = {}): string {
    return this.#forge.sign(claims, header);
  }

  /** Whose token it is, for whoever is one of these audiences; for the server itself when there are none. */
  authenticate(token: string, audiences: readonly string[]): Authentication {
    const requested = audiences.length === 0 ? [KUBERNETES_ISSUER] : audiences;
    const claims = readClaims(token);
    // Another issuer's token, or none at all, is looked at by nobody.
    if (claims?.iss !== KUBERNETES_ISSUER || this.revoked.has(token)) return { error: 'invalid bearer token' };
    const fault = this.#faultOf(token, claims, requested);
    if (fault !== undefined) return { error: `[invalid bearer token, ${fault}]` };
    const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'] ?? {};
    return {
      user: {
        username: String(claims.sub),
        uid: serviceaccount?.uid ?? '',
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        extra: {
          ...extra('credential-id', claims.jti && `JTI=${claims.jti}`),
          ...extra('node-name', node?.name),
          ...extra('node-uid', node?.uid),
          ...extra('pod-name', pod?.name),
          ...extra('pod-uid', pod?.uid),
        },
      },
      audiences: requested.filter((audience) => audiencesOf(claims).includes(audience)),
    };
  }

  /** In the order and with the words of Kubernetes 1.36. */
  #faultOf(token: string, claims: TokenClaims, requested: readonly string[]): string | undefined {
    if (!this.#isSigned(token)) return 'go-jose/go-jose: error in cryptographic primitive';
    const audiences = audiencesOf(claims);
    if (!requested.some((audience) => audiences.includes(audience))) {
      return `token audiences ${quoted(audiences)} is invalid for the target audiences ${quoted(requested)}`;
    }
    const { exp, nbf } = claims;
    const now = this.#clock.now() / 1000;
    if (typeof exp !== 'number' || now - LEEWAY_SECONDS > exp) return 'service account token has expired';
    if (typeof nbf === 'number' && now + LEEWAY_SECONDS < nbf) return 'service account token is not valid yet';
    return this.#faultOfObjects(claims);
  }

  #faultOfObjects({ sub, 'kubernetes.io': bound = {} }: TokenClaims): string | undefined {
    const { namespace = '', serviceaccount, pod } = bound;
    if (serviceaccount === undefined || sub !== `system:serviceaccount:${namespace}:${serviceaccount.name}`) {
      return 'sub claim is invalid';
    }
    const account = this.#serviceAccounts.get(namespace, serviceaccount.name)?.metadata;
    if (account === undefined) return `serviceaccounts "${serviceaccount.name}" not found`;
    if (account.uid !== serviceaccount.uid) {
      return `service account UID (${account.uid}) does not match claim (${serviceaccount.uid})`;
    }
    if (pod === undefined) return undefined;
    const found = this.#pods.get(namespace, pod.name)?.metadata;
    if (found === undefined) return 'service account token has been invalidated';
    if (found.uid === pod.uid) return undefined;
    return `pod UID (${found.uid}) does not match service account pod ref claim (${pod.uid})`;
  }

  #isSigned(token: string): boolean {
    const [header = '', claims = '', signature = ''] = token.split('.');
    const { alg, kid = KEY_ID, crit } = JSON.parse(Buffer.from(header, 'base64url').toString());
    if (alg !== 'RS256' || kid !== KEY_ID || crit !== undefined) return false;
    const input = Buffer.from(`${header}.${claims}`);
    return verify('sha256', input, this.#publicKey, Buffer.from(signature, 'base64url'));
  }
}

function readClaims(token: string): TokenClaims | undefined {
  try {
    const [header = '', claims = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    JSON.parse(header);
    return JSON.parse(claims);
  } catch {
    return undefined;
  }
}

function audiencesOf({ aud = [] }: TokenClaims): readonly string[] {
  return typeof aud === 'string' ? [aud] : aud;
}

/** As Go's `%q` writes a list. */
function quoted(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`;
}

function extra(name: string, value: string | undefined): Readonly<Record<string, readonly string[]>> {
  return value === undefined ? {} : { [`authentication.kubernetes.io/${name}`]: [value] };
}
