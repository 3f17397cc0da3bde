import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { CaProviderSettings } from '../../src/ca-providers/provider-settings.ts';
import type { VaultOperation } from '../../src/ca-providers/vault/refusals.ts';
import { toAgentError } from '../../src/core/agent-error.ts';
import type { Token } from '../../src/core/caller.ts';
import type { Clock } from '../../src/core/clock.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { type SpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';
import { createCsr, parseCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { parsePem, toPem } from '../../src/keys/pem.ts';
import { randomHex } from '../../src/keys/random.ts';
import type { CaFault } from '../contracts/ca-under-test.ts';
import { hours } from './fake-clock.ts';
import { MemoryCa } from './memory-ca.ts';

/** What the server answers. */
export interface CannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** A request as it came, its path without `/v1/`. */
export interface SeenRequest {
  readonly operation: VaultOperation;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: SeenBody;
}

interface SeenBody {
  readonly jwt?: unknown;
  readonly role?: unknown;
  readonly csr?: unknown;
  readonly ttl?: unknown;
}

interface Signed {
  readonly certificate: string;
  readonly issuing_ca: string | undefined;
  readonly ca_chain: readonly string[] | undefined;
}

/**
 * A Vault that works, over real HTTP: it logs callers in and signs with a `MemoryCa`, for the identity of the login
 * alone, as a role with a template does. Its fields are the knobs of a test.
 */
export class VaultServer implements AsyncDisposable {
  readonly ca: MemoryCa;
  readonly seen: SeenRequest[] = [];
  /** How long a login lasts. */
  leaseSeconds = 600;
  fault: CaFault | undefined;
  /** Answers in place of what would be answered. */
  answer: (request: SeenRequest) => CannedAnswer | 'hang' | undefined = () => undefined;
  /** Waited for before anything is answered. */
  before: (request: SeenRequest) => Promise<void> = async () => {};
  /** Whose token it is that `token` has not made; undefined: nobody's. */
  identify: (jwt: string) => SpiffeId | undefined = () => undefined;
  /** Changes what `login` answers. */
  shapeLogin: (auth: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>> = (auth) => auth;
  /** Changes what `sign` answers. */
  shape: (signed: Signed) => Partial<Signed> = (signed) => signed;
  /** Whether the mount gives its root beside its intermediate. */
  hasRoot = true;
  /** Connections that were ever made. */
  connections = 0;
  openRequests = 0;
  readonly #server: Server;
  #port = 0;
  readonly #scheme: 'http' | 'https';
  readonly #callers = new Map<string, SpiffeId>();
  readonly #logins = new Map<string, SpiffeId>();

  private constructor(ca: MemoryCa, tls: { readonly cert: string; readonly key: string } | undefined) {
    this.ca = ca;
    this.#scheme = tls === undefined ? 'http' : 'https';
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', () => this.connections++);
  }

  static async start(clock: Clock, tls?: { readonly cert: string; readonly key: string }): Promise<VaultServer> {
    const server = new VaultServer(await MemoryCa.create(clock), tls);
    await server.listen();
    return server;
  }

  /** The settings of a provider that uses it. */
  settings(more: Partial<CaProviderSettings['vault']> = {}): CaProviderSettings['vault'] {
    return {
      address: `${this.#scheme}://localhost:${this.#port}`,
      role: 'workload',
      authPath: 'auth/kubernetes/login',
      signCsrPath: 'istio_ca/sign/workload',
      tlsRootCert: undefined,
      namespace: undefined,
      ...more,
    };
  }

  /** A new token of a workload. */
  token(id: SpiffeId): Token {
    const token = newToken();
    this.#callers.set(token.reveal(), id);
    return token;
  }

  /** Makes every login so far worthless. */
  revokeLogins(): void {
    this.#logins.clear();
  }

  count(operation: VaultOperation): number {
    return this.seen.filter((request) => request.operation === operation).length;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, 'localhost', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.openRequests++;
    response.once('close', () => this.openRequests--);
    const seen = await read(request);
    this.seen.push(seen);
    await this.before(seen);
    const answer = this.fault === 'hangs' ? 'hang' : (this.answer(seen) ?? (await this.#handle(seen)));
    if (answer === 'hang') return;
    const { status, headers = {}, body } = answer;
    response.writeHead(status, headers);
    response.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
  }

  async #handle(request: SeenRequest): Promise<CannedAnswer> {
    if (this.fault === 'garbage') return { status: 200, body: '<html>hello</html>' };
    switch (request.operation) {
      case 'login':
        return this.#login(request);
      case 'sign':
        return this.#sign(request);
      case 'chain':
        return { status: 200, body: this.hasRoot ? toPem('CERTIFICATE', this.ca.rootDer) : await this.#ownPem() };
    }
  }

  #login({ body }: SeenRequest): CannedAnswer {
    const jwt = String(body.jwt);
    const id = this.#callers.get(jwt) ?? this.identify(jwt);
    if (id === undefined) return refuse(400, 'error validating token: token is expired');
    const token = `hvs.${randomHex(24)}`;
    this.#logins.set(token, id);
    const auth = { client_token: token, lease_duration: this.leaseSeconds, num_uses: 0 };
    return { status: 200, body: { auth: this.shapeLogin(auth) } };
  }

  async #sign({ headers, body }: SeenRequest): Promise<CannedAnswer> {
    const id = this.#logins.get(String(headers['x-vault-token']));
    if (id === undefined) return refuse(403, '1 error occurred:\n\t* permission denied\n\n');
    if (this.fault === 'empty chain') return { status: 200, body: { data: { certificate: '', ca_chain: [] } } };
    try {
      const [csr = new Uint8Array()] = parsePem(String(body.csr), 'CERTIFICATE REQUEST');
      if (parseCsr(csr).uriSans.join() !== id) return refuse(400, 'URI SANs were provided which are not valid');
      return { status: 200, body: { data: this.shape(await this.#issue(id, csr, body.ttl)) } };
    } catch (thrown) {
      return refuse(400, toAgentError(thrown).message);
    }
  }

  async #issue(id: SpiffeId, csr: Uint8Array, ttl: unknown): Promise<Signed> {
    const other = serviceAccountId('cluster.local', 'shop', 'other');
    const isOther = this.fault === "somebody else's certificate";
    const key = isOther ? await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' }) : undefined;
    const asked = key === undefined ? { id, csr } : { id: other, csr: createCsr(key, other) };
    this.ca.notBeforeOffsetMs = this.fault === 'expired certificate' ? -hours(100) : 0;
    const request = { ...asked, ttlMs: Number.parseInt(String(ttl), 10) * 1000, token: newToken() };
    const [certificate = '', ...issuers] = (await this.ca.sign(request, new AbortController().signal)).map(toText);
    const chain = this.hasRoot ? [...issuers, toText(this.ca.rootDer)] : issuers;
    return { certificate, issuing_ca: issuers[0], ca_chain: chain };
  }

  /** The intermediate's certificate, which comes with everything that it signs. */
  async #ownPem(): Promise<string> {
    const id = serviceAccountId('cluster.local', 'shop', 'probe');
    const key = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
    return (await this.#issue(id, createCsr(key, id), '60s')).issuing_ca ?? '';
  }
}

/** A token that no Vault knows. */
export function newToken(): Token {
  return new Redacted(`eyJhbGciOiJFUzI1NiJ9.${randomHex(24)}.${randomHex(32)}`);
}

async function read(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method = '', url = '', headers } = request;
  const path = url.replace(/^\/v1\//, '');
  const operation = path.startsWith('auth/') ? 'login' : path.includes('/sign/') ? 'sign' : 'chain';
  const text = Buffer.concat(chunks).toString();
  return { operation, method, path, headers, body: text === '' ? {} : JSON.parse(text) };
}

function refuse(status: number, ...errors: readonly string[]): CannedAnswer {
  return { status, body: { errors } };
}

function toText(der: Uint8Array): string {
  return toPem('CERTIFICATE', der).trim();
}
