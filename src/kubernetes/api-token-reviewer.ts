import type { Token } from '../core/caller.ts';
import type { TokenRefusal, TokenReview, TokenReviewer } from '../core/token-reviewer.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { readList, readPath, readText } from './read-path.ts';

const REVIEWS = { group: 'authentication.k8s.io', version: 'v1', resource: 'tokenreviews' };
const KEY_SET = '/openid/v1/jwks';
const POD_UID = 'authentication.kubernetes.io/pod-uid';

/**
 * What the words of Kubernetes' verifiers mean (pkg/serviceaccount, 1.36). They are read and never repeated: they may
 * quote a claim.
 */
const REFUSALS: readonly (readonly [words: RegExp, refusal: TokenRefusal])[] = [
  [/token has expired/, 'expired'],
  [/token audiences .* is invalid for the target audiences/, 'audience'],
  [/invalidated|has been deleted|not found|UID .* does not match/, 'withdrawn'],
];

/** Reviews tokens at an API server. */
export class ApiTokenReviewer implements TokenReviewer {
  readonly #client: Pick<KubernetesClient, 'ask'>;

  constructor(client: Pick<KubernetesClient, 'ask'>) {
    this.#client = client;
  }

  async review(token: Token, audiences: readonly string[], signal: AbortSignal): Promise<TokenReview> {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
    const answer = await this.#client.ask({ verb: 'create', target: REVIEWS, body }, signal);
    return toReview(readPath(answer, 'status'));
  }

  async keySet(signal: AbortSignal): Promise<string> {
    return JSON.stringify(await this.#client.ask({ verb: 'get', target: KEY_SET }, signal));
  }
}

function toReview(status: unknown): TokenReview {
  const username = readText(status, 'user', 'username');
  if (readPath(status, 'authenticated') !== true || username === undefined) {
    const words = readText(status, 'error') ?? '';
    const [, refusal = 'other'] = REFUSALS.find(([known]) => known.test(words)) ?? [];
    return { authenticated: false, refusal };
  }
  const [podUid] = readList(status, 'user', 'extra', POD_UID);
  const audiences = readList(status, 'audiences').filter((audience) => typeof audience === 'string');
  return { authenticated: true, username, audiences, ...(typeof podUid === 'string' && { podUid }) };
}
