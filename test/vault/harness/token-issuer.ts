import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Token } from '../../../src/core/caller.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { parseSpiffeId, type SpiffeId } from '../../../src/core/spiffe-id.ts';
import { type DevelopmentIssuer, loadDevelopmentIssuer } from '../../../src/identity/development-issuer.ts';
import { systemClock } from '../../../src/runtime/system-clock.ts';
import { hours } from '../../fakes/fake-clock.ts';

const AUDIENCE = 'istio-ca';

/**
 * Stands for a Kubernetes API server: it makes service-account tokens, gives the keys that verify them, and answers
 * token reviews. Over HTTP on loopback.
 */
export class TokenIssuer implements AsyncDisposable {
  /** Where its key is, for an agent that shall have the same. */
  readonly stateDir: string;
  readonly issuer: DevelopmentIssuer;
  readonly url: string;
  readonly #server: Server;

  private constructor(stateDir: string, issuer: DevelopmentIssuer, server: Server) {
    this.stateDir = stateDir;
    this.issuer = issuer;
    this.#server = server;
    const address = server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
  }

  static async start(): Promise<TokenIssuer> {
    const stateDir = mkdtempSync('/tmp/sds-issuer-');
    const issuer = await loadDevelopmentIssuer({ stateDir, trustDomain: 'cluster.local', clock: systemClock });
    const server = createServer((request, response) => void answer(issuer, request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TokenIssuer(stateDir, issuer, server);
  }

  get jwksUrl(): string {
    return `${this.url}/openid/v1/jwks`;
  }

  /** A token of this workload; one with a negative lifetime has expired. */
  token(id: SpiffeId, { ttlMs = hours(1), audience = AUDIENCE } = {}): Promise<Token> {
    const [, namespace = '', serviceAccount = ''] = /\/ns\/(.+)\/sa\/(.+)$/.exec(parseSpiffeId(id)) ?? [];
    return this.issuer.mint({ namespace, serviceAccount, pod: 'pod', audiences: [audience], ttlMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

async function answer(issuer: DevelopmentIssuer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('Content-Type', 'application/json');
  if (request.method === 'GET') {
    response.end(issuer.jwks);
    return;
  }
  const { spec } = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const status = await review(issuer, new Redacted(String(spec.token)));
  response.writeHead(201).end(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status }));
}

/** As Kubernetes answers a TokenReview. */
async function review(issuer: DevelopmentIssuer, token: Token): Promise<object> {
  try {
    await issuer.verifier([AUDIENCE]).verify(token, new AbortController().signal);
  } catch (thrown) {
    return { authenticated: false, error: String(thrown) };
  }
  const [, payload = ''] = token.reveal().split('.');
  const { sub, ...claims } = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const { namespace, serviceaccount } = claims['kubernetes.io'];
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  return { authenticated: true, user: { username: sub, uid: serviceaccount.uid, groups }, audiences: [AUDIENCE] };
}
