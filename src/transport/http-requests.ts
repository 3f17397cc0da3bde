import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AgentError, quoteUntrusted, toAgentError } from '../core/agent-error.ts';
import { toHttpStatus } from '../core/grpc-status.ts';
import type { HttpAnswer } from '../core/rpc.ts';
import { HttpCall } from './http-call.ts';
import { pause } from './pause.ts';
import { readHttpBody } from './read-http-body.ts';
import type { CallOrigin, TransportContext } from './transport-context.ts';

const METHOD_NOT_ALLOWED = 405;

/** What HTTP/1.1 requests need of the connection that carries them. */
export interface HttpConnection extends CallOrigin {
  /** No further request is wanted. */
  readonly draining: boolean;
  requestOpened(): void;
  requestClosed(): void;
  /** Closes the connection after this time, unless another limit is set or it is lifted. */
  limit(durationMs: number): void;
  unlimit(): void;
}

/** The HTTP/1.1 side: `POST` to an exact path, JSON errors, keep-alive. */
export class HttpRequests {
  readonly #context: TransportContext;
  readonly #connections = new WeakMap<Socket, HttpConnection>();
  /** Never listens itself: connections are given to it. Its own timeouts need timers, ours do not. */
  readonly #server = createServer({ keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 });

  constructor(context: TransportContext) {
    this.#context = context;
    this.#server.on('request', (request, response) => this.#receive(request, response));
  }

  /** Takes over the socket, whatever is in its buffer included. */
  accept(socket: Socket, connection: HttpConnection): void {
    this.#connections.set(socket, connection);
    this.#server.emit('connection', socket);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) {
      request.socket.destroy();
      return;
    }
    connection.requestOpened();
    connection.limit(this.#context.limits.messageMs);
    const call = new HttpCall(connection, request.url ?? '', request.rawHeaders);
    const refusal = connection.callOpened('poll');
    response.on('close', () => {
      call.close();
      if (refusal === undefined) connection.callClosed();
      connection.requestClosed();
    });
    // It cannot reject: what goes wrong becomes the answer.
    void this.#answer(call, refusal, request, connection).then((answer) => {
      connection.limit(this.#context.limits.flushMs);
      send(response, answer, connection.draining || !request.complete);
    });
  }

  async #answer(
    call: HttpCall,
    refusal: AgentError | undefined,
    request: IncomingMessage,
    connection: HttpConnection,
  ): Promise<HttpAnswer> {
    try {
      if (refusal !== undefined) {
        await connection.beforeRefusal();
        throw refusal;
      }
      const route = this.#context.routes.get(call.path);
      if (route === undefined)
        throw new AgentError('request-name-unknown', `nothing is at ${quoteUntrusted(call.path)}`);
      if (request.method !== 'POST')
        return { ...toAnswer(new AgentError('request-invalid', 'use POST')), status: METHOD_NOT_ALLOWED };
      // Who asks is found out before the body is waited for; that takes as long as it takes us.
      connection.unlimit();
      const delayMs = connection.messageDelayMs();
      if (delayMs > 0) await pause(this.#context.deadlines, delayMs);
      return await route(call, () => this.#readBody(request, connection));
    } catch (thrown) {
      const error = toAgentError(thrown);
      if (error.code === 'internal') this.#context.log.error('a request failed', { path: call.path, error });
      else if (error.cause !== undefined) this.#context.log.debug('a request was refused', { path: call.path, error });
      return toAnswer(error);
    }
  }

  async #readBody(request: IncomingMessage, connection: HttpConnection): Promise<Buffer> {
    const { limits, unfinished } = this.#context;
    connection.limit(limits.messageMs);
    const body = await readHttpBody(request, limits.maxMessageBytes, unfinished);
    connection.unlimit();
    return body;
  }
}

function toAnswer(error: AgentError): HttpAnswer {
  const body = JSON.stringify({ code: error.code, message: error.message });
  return { status: toHttpStatus(error.code), contentType: 'application/json', body };
}

/** @param last closes the connection after it: what follows is not wanted, or is the rest of a refused body */
function send(response: ServerResponse, { status, contentType, body }: HttpAnswer, last: boolean): void {
  response.sendDate = false;
  if (contentType !== undefined) response.setHeader('content-type', contentType);
  if (status === METHOD_NOT_ALLOWED) response.setHeader('allow', 'POST');
  if (last) response.setHeader('connection', 'close');
  response.statusCode = status;
  response.end(body);
}
