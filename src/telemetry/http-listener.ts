import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Log } from '../core/log.ts';

/** Answers one request. What it throws is logged and answered with 500. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Handlers by path, then by method. HEAD is answered where GET is. */
export type HttpHandlers = Readonly<Record<string, Partial<Record<'GET' | 'POST', HttpHandler>>>>;

/** Programs and a person or two ask here: more connections than this are somebody's mistake. */
const MOST_CONNECTIONS = 64;
const LONGEST_REQUEST_MS = 10_000;
const LONGEST_HEADER_BYTES = 8 << 10;

/** A small HTTP/1.1 server of a few exact paths. */
export class HttpListener implements AsyncDisposable {
  readonly #handlers: HttpHandlers;
  readonly #guard: (request: IncomingMessage) => string | undefined;
  readonly #log: Log;
  readonly #server: Server;

  /** @param guard says why a request is refused (403), or undefined when it is not */
  constructor(handlers: HttpHandlers, log: Log, guard: (request: IncomingMessage) => string | undefined = allowAll) {
    this.#handlers = handlers;
    this.#guard = guard;
    this.#log = log;
    const limits = {
      requestTimeout: LONGEST_REQUEST_MS,
      headersTimeout: LONGEST_REQUEST_MS,
      maxHeaderSize: LONGEST_HEADER_BYTES,
    };
    this.#server = createServer(limits, (request, response) => this.#serve(request, response));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** Resolves to the address it listens at. Rejects with Node's own error. */
  listen(where: ListenOptions): Promise<AddressInfo | string | null> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        // An accept that fails for want of file descriptors comes as an event; it must not end the agent.
        this.#server.on('error', (error) => this.#log.warn('an http server had to turn a connection away', { error }));
        resolve(this.#server.address());
      });
    });
  }

  /** Ends every connection at once: nobody here has anything to lose. Harmless when it does not listen. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refusal = this.#guard(request);
      if (refusal !== undefined) return answer(response, 403, `${refusal}\n`);
      const [path = ''] = (request.url ?? '').split('?', 1);
      const methods = this.#handlers[path];
      if (methods === undefined) return answer(response, 404, 'not found\n');
      const handler = handlerOf(methods, request.method);
      if (handler !== undefined) return await handler(request, response);
      answer(response, 405, 'method not allowed\n', { allow: methods.GET ? 'GET, HEAD' : 'POST' });
    } catch (thrown) {
      this.#log.error('an http request failed', { path: request.url, error: toAgentError(thrown) });
      if (response.headersSent) response.destroy();
      else answer(response, 500, 'internal error\n');
    }
  }
}

/** Sends a whole answer, plain text unless the headers say otherwise. */
export function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const length = String(Buffer.byteLength(body));
  const always = { 'content-length': length, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...always, ...headers }).end(body);
}

/** Sends a value as JSON. */
export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answer(response, status, `${JSON.stringify(value)}\n`, { 'content-type': 'application/json' });
}

/** Node's error of a bind as an `AgentError` that names the setting to change. */
export function toBindError(setting: string, where: string, cause: unknown): AgentError {
  const reason = cause instanceof Error ? cause.message : 'unknown error';
  return new AgentError('socket-unusable', `cannot listen on ${where} (${setting}): ${reason}`, { cause });
}

/** The port of an address that a TCP server listens at. */
export function portOf(address: AddressInfo | string | null): number {
  if (typeof address === 'object' && address !== null) return address.port;
  throw new AgentError('internal', 'a tcp server has no port');
}

function handlerOf(methods: HttpHandlers[string], method: string | undefined): HttpHandler | undefined {
  if (method === 'GET' || method === 'HEAD') return methods.GET;
  return method === 'POST' ? methods.POST : undefined;
}

function allowAll(): undefined {
  return undefined;
}
