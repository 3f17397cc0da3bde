import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { Redacted } from '../core/redacted.ts';
import type { ApiCredentials } from './api-credentials.ts';
import { type ApiRequest, type ApiVerb, toPath } from './api-request.ts';
import { isStaleConnection } from './connection-error.ts';

/** So many requests at the same time; more wait. A storm of new tokens must not become one of the API server. */
const MOST_SOCKETS = 16;
/** Idle connections are for a storm; between storms none need stay open. */
const IDLE_MS = 60_000;
const MOST_IDLE_SOCKETS = 2;
/** The kernel asks a silent peer whether it is there: a watch may be silent for minutes. */
const KEEPALIVE_AFTER_MS = 30_000;

/** Sends requests to one API server over connections that are kept. Knows HTTP, and nothing of Kubernetes. */
export class ApiConnection {
  readonly #server: string;
  readonly #request: typeof requestHttp;
  readonly #agent: HttpAgent;

  /** @param server `https://host:port` */
  constructor(server: string) {
    this.#server = server;
    const keep = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: MOST_IDLE_SOCKETS, maxSockets: MOST_SOCKETS };
    const isTls = server.startsWith('https:');
    this.#request = isTls ? requestHttps : requestHttp;
    this.#agent = isTls ? new HttpsAgent(keep) : new HttpAgent(keep);
  }

  /**
   * The beginning of the answer, whatever its status. It has to be read to its end or destroyed. When the signal
   * aborts, the connection is closed at once. A watch has a connection of its own, so that it takes none from others.
   */
  async send(request: ApiRequest, credentials: ApiCredentials, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await this.#sendOnce(request, credentials, signal);
    } catch (thrown) {
      if (!(thrown instanceof StaleConnection)) throw thrown;
      return await this.#sendOnce(request, credentials, signal);
    }
  }

  #sendOnce(request: ApiRequest, { token, ca }: ApiCredentials, signal: AbortSignal): Promise<IncomingMessage> {
    const { verb, body } = request;
    const content = body === undefined ? undefined : Buffer.from(toJson(body));
    const headers = {
      // The second is a key set's own: an API server gives it in no other.
      Accept: 'application/json, application/jwk-set+json',
      'User-Agent': 'sds-node-agent',
      ...(token !== undefined && { Authorization: `Bearer ${token.reveal()}` }),
      ...(content !== undefined && { 'Content-Type': toContentType(verb), 'Content-Length': content.length }),
    };
    const method = toMethod(verb);
    const agent = verb === 'watch' ? false : this.#agent;
    const options = { method, headers, agent, signal, ...(ca !== undefined && { ca }) };
    return new Promise((resolve, reject) => {
      const sent: ClientRequest = this.#request(this.#server + toPath(request), options, resolve);
      sent.setSocketKeepAlive(true, KEEPALIVE_AFTER_MS);
      sent.on('error', (thrown) => {
        const isStale = sent.reusedSocket && isStaleConnection(thrown) && !signal.aborted;
        reject(isStale ? new StaleConnection() : thrown);
      });
      sent.end(content);
    });
  }
}

/** A kept connection was closed by the server before it took the request: it can be sent again. */
class StaleConnection extends Error {}

function toMethod(verb: ApiVerb): string {
  if (verb === 'create') return 'POST';
  return verb === 'patch' ? 'PATCH' : 'GET';
}

/** JSON is YAML, and this is the name of a server-side apply (Kubernetes API Concepts). */
function toContentType(verb: ApiVerb): string {
  return verb === 'patch' ? 'application/apply-patch+yaml' : 'application/json';
}

function toJson(body: object): string {
  return JSON.stringify(body, function (this: Readonly<Record<string, unknown>>, name: string, value: unknown) {
    // What `toJSON` has made of it is in `value`.
    const original = this[name];
    return original instanceof Redacted ? original.reveal() : value;
  });
}
