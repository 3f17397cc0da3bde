import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TransportMeter } from '../core/meters.ts';
import type { GrpcMethods, HttpRoutes } from '../core/rpc.ts';
import { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { HttpRequests } from './http-requests.ts';
import { MessageBuffers } from './message-buffers.ts';
import { loadPeerCredentials, type ReadPeerCredentials } from './peer-credentials.ts';
import { SocketFile, type SocketFileOptions } from './socket-file.ts';
import type { TransportContext } from './transport-context.ts';
import { DEFAULT_LIMITS, type TransportLimits } from './transport-limits.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';

export interface SocketListenerOptions extends SocketFileOptions {
  readonly methods: GrpcMethods;
  readonly routes: HttpRoutes;
  readonly log: Log;
  readonly meter: TransportMeter;
  readonly clock: Clock;
  /** What differs from the defaults; for tests. */
  readonly limits?: Partial<TransportLimits>;
}

/** Serves gRPC and HTTP/1.1 on one unix socket. */
export class SocketListener {
  readonly #options: SocketListenerOptions;
  readonly #file: SocketFile;
  readonly #deadlines: Deadlines;
  readonly #context: TransportContext;
  readonly #http: HttpRequests;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #readPeer: ReadPeerCredentials = () => undefined;
  #connectionsEver = 0;
  #warnedFull = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: SocketListenerOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#options = options;
    this.#file = new SocketFile(options);
    this.#deadlines = new Deadlines(options.clock);
    this.#context = {
      methods: options.methods,
      routes: options.routes,
      limits,
      deadlines: this.#deadlines,
      unfinished: new UnfinishedMessages(limits.maxUnfinishedBytes),
      buffers: new MessageBuffers(),
      log: options.log,
    };
    this.#http = new HttpRequests(this.#context);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Makes the socket and accepts connections. Rejects with an `AgentError` `socket-unusable` that says what to do. */
  async listen(): Promise<void> {
    this.#readPeer = loadPeerCredentials(this.#options.log);
    await this.#file.bind(this.#server);
    this.#server.on('error', (error) => this.#options.log.error('connections cannot be accepted', { error }));
  }

  /**
   * Accepts nothing new, ends every stream with UNAVAILABLE and waits up to `graceMs` until all has been flushed;
   * what is left is cut off. Then removes the socket, unless it is another agent's by now.
   */
  async drain(graceMs: number): Promise<void> {
    this.#server.close();
    for (const connection of this.#connections) connection.drain();
    await this.#emptied(graceMs);
    for (const connection of this.#connections) connection.destroy();
    this.#deadlines[Symbol.dispose]();
    await this.#file.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  /** Resolves when no connection is left, at the latest after `graceMs`. */
  async #emptied(graceMs: number): Promise<void> {
    if (this.#connections.size === 0) return;
    const empty = new AbortController();
    this.#onEmpty = () => empty.abort();
    await this.#options.clock.sleepUntil(this.#options.clock.now() + graceMs, empty.signal);
  }

  #accept(socket: Socket): void {
    if (!this.#hasRoom()) {
      socket.destroy();
      return;
    }
    this.#connectionsEver++;
    const connection = new Connection(this.#context, this.#http, socket, this.#connectionsEver, this.#readPeer);
    this.#connections.add(connection);
    this.#options.meter.connectionOpened();
    connection.start((closed) => this.#forget(closed));
  }

  /** When all places are taken, the oldest connection without a call gives up its own. */
  #hasRoom(): boolean {
    if (this.#connections.size < this.#context.limits.maxConnections) return true;
    if (!this.#warnedFull) this.#options.log.warn('too many connections', { connections: this.#connections.size });
    this.#warnedFull = true;
    for (const connection of this.#connections) {
      if (!connection.idle) continue;
      connection.destroy();
      this.#forget(connection);
      return true;
    }
    return false;
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.#options.meter.connectionClosed();
    if (this.#connections.size > 0) return;
    this.#warnedFull = false;
    this.#onEmpty?.();
  }
}
