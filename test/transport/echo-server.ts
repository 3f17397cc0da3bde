import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentError } from '../../src/core/agent-error.ts';
import type { Clock } from '../../src/core/clock.ts';
import type {
  Call,
  GrpcMethods,
  HttpRoute,
  HttpRoutes,
  ReceiveMessage,
  StreamCall,
  StreamHandler,
} from '../../src/core/rpc.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { SocketListener, type SocketListenerOptions } from '../../src/transport/socket-listener.ts';
import type { TransportLimits } from '../../src/transport/transport-limits.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

/** Sends back what it hears, and listens only while that is read. `end` and a text ends the stream with that text, `pause` pauses it. */
class Echo implements StreamHandler {
  readonly #call: StreamCall;
  readonly #server: EchoServer;

  constructor(call: StreamCall, server: EchoServer) {
    this.#call = call;
    this.#server = server;
    server.open++;
  }

  received(message: Buffer): void {
    this.#server.received++;
    const text = message.toString();
    if (text === 'throw') throw new Error('the secret of the handler');
    if (text === 'pause') this.#call.pause();
    if (text.startsWith('end ')) this.#call.end(new AgentError('request-invalid', text.slice(4)));
    else this.#call.send(message);
    if (!this.#call.writable) this.#call.pause();
  }

  halfClosed(): void {
    this.#call.end();
  }

  drained(): void {
    this.#server.drained++;
    this.#call.resume();
  }

  closed(): void {
    this.#server.open--;
    this.#server.closed++;
  }
}

type EchoPeers = Pick<SocketListenerOptions, 'attestor' | 'peerKey'>;

/** A real listener on a temporary socket, whose methods answer with what they were sent. */
export class EchoServer implements AsyncDisposable {
  readonly path: string;
  readonly log = new RecordingLog();
  readonly listener: SocketListener;
  /** Calls that the methods have been given, in order. */
  readonly calls: Call[] = [];
  /** Those of them that are streams. */
  readonly streams: StreamCall[] = [];
  /** By which limits something was refused, in order. */
  readonly refused: string[] = [];
  connections = 0;
  open = 0;
  closed = 0;
  received = 0;
  drained = 0;
  /** Of the socket alone. */
  readonly directory: string;

  private constructor(
    directory: string,
    clock: Clock,
    limits: Partial<TransportLimits>,
    { attestor, peerKey }: EchoPeers,
  ) {
    this.directory = directory;
    this.path = join(directory, 'uds_path');
    const meter = {
      connectionOpened: () => this.connections++,
      connectionClosed: () => this.connections--,
      refused: (limit: string) => this.refused.push(limit),
    };
    this.listener = new SocketListener({
      path: this.path,
      mode: 0o666,
      methods: this.#methods(),
      routes: this.#routes(),
      log: this.log,
      meter,
      clock,
      limits,
      attestor,
      ...(peerKey && { peerKey }),
    });
  }

  static async start(
    clock: Clock = systemClock,
    limits: Partial<TransportLimits> = {},
    peers: EchoPeers = {},
  ): Promise<EchoServer> {
    const server = new EchoServer(await mkdtemp(join(tmpdir(), 'sds-transport-')), clock, limits, peers);
    await server.listener.listen();
    return server;
  }

  /** Names in the socket's directory. */
  files(): Promise<string[]> {
    return readdir(this.directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.drain(0);
    await rm(this.directory, { recursive: true });
  }

  #methods(): GrpcMethods {
    return new Map([
      ['/test.Echo/Unary', { kind: 'unary', handle: (call, receive) => this.#answer(call, receive) }],
      ['/test.Echo/Stream', { kind: 'stream', open: (call) => this.#open(call) }],
    ]);
  }

  #routes(): HttpRoutes {
    return new Map<string, HttpRoute>([
      ['/refuse', () => Promise.reject(new AgentError('token-missing', 'no token'))],
      [
        '/echo',
        async (call, receive) => ({ status: 200, contentType: 'text/plain', body: await this.#answer(call, receive) }),
      ],
    ]);
  }

  #open(call: StreamCall): StreamHandler {
    if (call.metadata.getAll('authorization').length > 0) call.callerKnown();
    this.calls.push(call);
    this.streams.push(call);
    return new Echo(call, this);
  }

  async #answer(call: Call, receive: ReceiveMessage): Promise<Uint8Array> {
    if (call.metadata.getAll('authorization').length > 0) call.callerKnown();
    const message = await receive();
    this.calls.push(call);
    const text = message.toString('utf8', 0, 100);
    if (text === 'throw') throw new Error('the secret of the handler');
    if (text === 'wait') await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    if (text.startsWith('end ')) throw new AgentError('request-invalid', text.slice(4));
    return message;
  }
}
