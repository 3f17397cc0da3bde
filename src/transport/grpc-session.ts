import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import { ENDS_STREAM, trailersOnly } from './grpc-headers.ts';
import { GrpcStream } from './grpc-stream.ts';
import { HeaderMetadata } from './header-metadata.ts';
import type { CallOrigin, TransportContext } from './transport-context.ts';

/** Streams that count against it are refused beyond; what 10,000 idle ones take, with a margin. */
const MAX_SESSION_MEMORY_MB = 256;
/**
 * With HTTP/2's own 64 KB, all streams of a connection stop in the middle of their first 61 KB request, and what has
 * come of each must be kept. Node hands every byte on at once, so a larger window holds nothing itself.
 */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
const ignore = (): void => {};

/** One HTTP/2 connection and the gRPC calls on it. */
export class GrpcSession {
  readonly #context: TransportContext;
  readonly #origin: CallOrigin;
  readonly #session: ServerHttp2Session;
  readonly #calls = new Set<GrpcStream>();
  /** Streams that are refused and have not been told yet. */
  readonly #refused = new Set<ServerHttp2Stream>();
  readonly #onCalls: () => void;
  #draining = false;

  /** Takes over the socket, whatever is in its buffer included. `onCalls` is told when calls have come or gone. */
  constructor(context: TransportContext, origin: CallOrigin, socket: Socket, onCalls: () => void) {
    this.#context = context;
    this.#origin = origin;
    this.#onCalls = onCalls;
    this.#session = performServerHandshake(socket, {
      maxSessionMemory: MAX_SESSION_MEMORY_MB,
      settings: { maxConcurrentStreams: context.limits.maxStreamsPerConnection },
    });
    this.#session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    this.#session.on('error', (error) => this.#log('an HTTP/2 connection failed', error));
    const accept = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]): void =>
      this.#accept(stream, headers, raw);
    this.#session.on('stream', accept);
  }

  get idle(): boolean {
    return this.#calls.size === 0;
  }

  /** Whether the peer has been told that we go away. */
  get closed(): boolean {
    return this.#session.closed;
  }

  /** Says GOAWAY; the connection closes when no call is left. */
  close(): void {
    this.#session.close();
  }

  /** Says GOAWAY and ends every call with UNAVAILABLE, in this order, so that no peer comes back on this connection. */
  drain(): void {
    this.#draining = true;
    this.#session.close();
    for (const call of this.#calls) call.drain();
    for (const stream of this.#refused) stream.close();
  }

  /** Asks the peer for a sign of life. */
  ping(onPong: () => void): void {
    if (this.#session.destroyed) return;
    this.#session.ping((error) => {
      if (error === null) onPong();
    });
  }

  destroy(): void {
    this.#session.destroy();
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    // An HTTP/2 stream's failure is its end, which `close` reports.
    stream.on('error', ignore);
    if (stream.closed) return;
    const path = headers[':path'] ?? '';
    if (headers[':method'] !== 'POST') {
      stream.respond({ ':status': 405, allow: 'POST' }, ENDS_STREAM);
    } else if (!isGrpc(headers['content-type'])) {
      stream.respond({ ':status': 415 }, ENDS_STREAM);
    } else {
      this.#open(stream, path, rawHeaders);
    }
  }

  #open(stream: ServerHttp2Stream, path: string, rawHeaders: readonly string[]): void {
    const method = this.#context.methods.get(path);
    if (method === undefined) {
      const error = new AgentError('request-unimplemented', `there is no method ${quoteUntrusted(path)}`);
      stream.respond(trailersOnly(error), ENDS_STREAM);
      return;
    }
    const refusal = this.#origin.callOpened('call');
    if (refusal !== undefined) {
      void this.#refuse(stream, refusal);
      return;
    }
    const call = new GrpcStream(this.#context, this.#origin, stream, method, path, new HeaderMetadata(rawHeaders));
    this.#calls.add(call);
    this.#onCalls();
    stream.on('close', () => {
      this.#calls.delete(call);
      this.#origin.callClosed();
      this.#onCalls();
    });
    call.open();
    if (this.#draining) call.drain();
  }

  async #refuse(stream: ServerHttp2Stream, refusal: AgentError): Promise<void> {
    this.#refused.add(stream);
    await this.#origin.beforeRefusal();
    this.#refused.delete(stream);
    if (stream.closed || stream.destroyed) return;
    stream.respond(trailersOnly(refusal), ENDS_STREAM);
    // Not left to the peer: it may never end its own side.
    stream.close();
  }

  #log(message: string, error: Error): void {
    this.#context.log.debug(message, { connection: this.#origin.connectionId, error });
  }
}

/** `application/grpc`, alone or with a message format or parameters; not `application/grpc-web`. */
function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:[+;]|$)/i.test(contentType);
}
