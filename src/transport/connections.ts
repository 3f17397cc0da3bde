import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TransportMeter } from '../core/meters.ts';
import type { GrpcMethods, HttpRoutes } from '../core/rpc.ts';
import { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { HttpRequests } from './http-requests.ts';
import { MessageBuffers } from './message-buffers.ts';
import type { ReadPeerCredentials } from './peer-credentials.ts';
import type { TransportContext } from './transport-context.ts';
import { DEFAULT_LIMITS, type TransportLimits } from './transport-limits.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';

/** What a listener serves, wherever it listens. */
export interface ServingOptions {
  readonly methods: GrpcMethods;
  readonly routes: HttpRoutes;
  readonly log: Log;
  readonly meter: TransportMeter;
  readonly clock: Clock;
  /** What differs from the defaults. */
  readonly limits?: Partial<TransportLimits>;
}

/** The connections of one listener: serves each, makes room for new ones, ends them all. */
export class Connections {
  readonly #options: ServingOptions;
  readonly #deadlines: Deadlines;
  readonly #context: TransportContext;
  readonly #http: HttpRequests;
  readonly #open = new Set<Connection>();
  #ever = 0;
  #warnedFull = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: ServingOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#options = options;
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
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes the socket over, or closes it where every place is taken by somebody who needs it. */
  accept(socket: Socket, readPeer: ReadPeerCredentials): void {
    if (!this.#hasRoom()) {
      socket.destroy();
      return;
    }
    this.#ever++;
    const connection = new Connection(this.#context, this.#http, socket, this.#ever, readPeer);
    this.#open.add(connection);
    this.#options.meter.connectionOpened();
    connection.start((closed) => this.#forget(closed));
  }

  /** Ends every stream with UNAVAILABLE and waits up to `graceMs` until all has been flushed; what is left is cut off. */
  async drain(graceMs: number): Promise<void> {
    for (const connection of this.#open) connection.drain();
    await this.#emptied(graceMs);
    for (const connection of this.#open) connection.destroy();
    this.#deadlines[Symbol.dispose]();
  }

  /** Resolves when no connection is left, at the latest after `graceMs`. */
  async #emptied(graceMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    const empty = new AbortController();
    this.#onEmpty = () => empty.abort();
    await this.#options.clock.sleepUntil(this.#options.clock.now() + graceMs, empty.signal);
  }

  /** When all places are taken, the oldest connection without a call gives up its own. */
  #hasRoom(): boolean {
    if (this.#open.size < this.#context.limits.maxConnections) return true;
    if (!this.#warnedFull) this.#options.log.warn('too many connections', { connections: this.#open.size });
    this.#warnedFull = true;
    for (const connection of this.#open) {
      if (!connection.idle) continue;
      connection.destroy();
      this.#forget(connection);
      return true;
    }
    return false;
  }

  #forget(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    this.#options.meter.connectionClosed();
    if (this.#open.size > 0) return;
    this.#warnedFull = false;
    this.#onEmpty?.();
  }
}
