import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { GrpcCallError } from './grpc-call-error.ts';
import { GrpcClientStream } from './grpc-client-stream.ts';
import { toGrpcTimeout } from './grpc-timeout.ts';

/** Request metadata: names in lower case, values of `-bin` names in base64. An array is sent as several headers. */
export type GrpcMetadata = Readonly<Record<string, string | readonly string[]>>;

export interface GrpcCallOptions {
  /** Sent as `grpc-timeout`, and kept to on this side too. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Thousands of requests may wait on one connection. */
const MAX_SESSION_MEMORY_MB = 1000;
const ignore = (): void => {};

/** A small gRPC client on one connection to a unix socket: for our own commands, tests and benchmarks. */
export class GrpcClient implements AsyncDisposable {
  readonly #session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.#session = session;
    // A connection's failure is the end of its calls, which report it.
    session.on('error', ignore);
  }

  /** Connects to a socket. Rejects with a `GrpcCallError` UNAVAILABLE that names it. */
  static connect(path: string): Promise<GrpcClient> {
    return new Promise((resolve, reject) => {
      const session = connect('http://localhost', {
        createConnection: () => connectSocket(path),
        maxSessionMemory: MAX_SESSION_MEMORY_MB,
      });
      session.once('connect', () => resolve(new GrpcClient(session)));
      session.once('error', (error) => {
        reject(new GrpcCallError('UNAVAILABLE', `cannot connect to ${path}: ${error.message}`));
      });
    });
  }

  /** One message, one answer. Rejects with a `GrpcCallError`. */
  async unary(
    path: string,
    metadata: GrpcMetadata,
    request: Uint8Array,
    options: GrpcCallOptions = {},
  ): Promise<Buffer> {
    const call = this.stream(path, metadata, options);
    call.send(request);
    call.halfClose();
    let answer: Buffer | undefined;
    for await (const message of call) answer ??= message;
    if (answer === undefined) throw new GrpcCallError('INTERNAL', 'the answer has no message');
    return answer;
  }

  /** Messages both ways. */
  stream(path: string, metadata: GrpcMetadata, options: GrpcCallOptions = {}): GrpcClientStream {
    const headers: OutgoingHttpHeaders = {
      ':method': 'POST',
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc',
    };
    if (options.timeoutMs !== undefined) headers['grpc-timeout'] = toGrpcTimeout(options.timeoutMs);
    for (const [name, value] of Object.entries(metadata))
      headers[name] = typeof value === 'string' ? value : [...value];
    const signal = toSignal(options);
    return new GrpcClientStream(this.#session.request(headers, signal === undefined ? {} : { signal }), signal);
  }

  /** Cuts off whatever still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#session.destroyed) return;
    const closed = new Promise<void>((resolve) => this.#session.once('close', resolve));
    this.#session.destroy();
    await closed;
  }
}

function toSignal({ timeoutMs, signal }: GrpcCallOptions): AbortSignal | undefined {
  if (timeoutMs === undefined) return signal;
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}
