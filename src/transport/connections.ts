import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TransportMeter } from '../core/meters.ts';
import type { GrpcMethods, HttpRoutes } from '../core/rpc.ts';
import { Seldom } from '../runtime/seldom.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { Crowd } from './crowd.ts';
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

/** What a listener knows of a connection that it has accepted. */
export interface Accepted {
  readonly readPeer: ReadPeerCredentials;
  /** Whose it is, for limits; undefined: that cannot be told, and nothing is counted. */
  readonly peerKey: string | undefined;
}

/** That places have run out is in the log at most this often. */
const FULL_LOG_INTERVAL_MS = 60_000;

/** The connections of one listener: serves each, makes room for new ones, ends them all. */
export class Connections implements ConnectionOwner {
  readonly #options: ServingOptions;
  readonly #deadlines: Deadlines;
  readonly #context: TransportContext;
  readonly #http: HttpRequests;
  readonly #open = new Crowd();
  readonly #crowds = new Map<string, Crowd>();
  readonly #keys = new Map<Connection, string>();
  readonly #full: Seldom;
  #ever = 0;
  #onEmpty: (() => void) | undefined;

  constructor(options: ServingOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#full = new Seldom(options.clock);
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
  accept(socket: Socket, { readPeer, peerKey }: Accepted): void {
    if (!this.#hasRoom(peerKey)) {
      socket.destroy();
      return;
    }
    this.#ever++;
    const connection = new Connection(this, this.#context, this.#http, socket, this.#ever, readPeer);
    this.#enter(connection, peerKey);
    this.#options.meter.connectionOpened();
    connection.start();
  }

  known(connection: Connection): void {
    this.#open.know(connection);
    this.#crowdOf(connection)?.know(connection);
  }

  closed(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    const crowd = this.#crowdOf(connection);
    crowd?.delete(connection);
    if (crowd?.size === 0) this.#crowds.delete(this.#keys.get(connection) ?? '');
    this.#keys.delete(connection);
    this.#options.meter.connectionClosed();
    if (this.#open.size === 0) this.#onEmpty?.();
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

  #enter(connection: Connection, peerKey: string | undefined): void {
    this.#open.add(connection);
    if (peerKey === undefined) return;
    const crowd = this.#crowds.get(peerKey) ?? new Crowd();
    crowd.add(connection);
    this.#crowds.set(peerKey, crowd);
    this.#keys.set(connection, peerKey);
  }

  #crowdOf(connection: Connection): Crowd | undefined {
    const key = this.#keys.get(connection);
    return key === undefined ? undefined : this.#crowds.get(key);
  }

  /** A peer with too many connections gives up one of its own: so nobody else's place is at stake. */
  #hasRoom(peerKey: string | undefined): boolean {
    const { maxConnections, maxConnectionsPerPeer } = this.#context.limits;
    const crowd = peerKey === undefined ? undefined : this.#crowds.get(peerKey);
    if (crowd !== undefined && !this.#makeRoom(crowd, maxConnectionsPerPeer, 'connections_per_peer')) return false;
    return this.#makeRoom(this.#open, maxConnections, 'connections');
  }

  #makeRoom(crowd: Crowd, limit: number, reason: 'connections' | 'connections_per_peer'): boolean {
    if (crowd.size < limit) return true;
    this.#options.meter.refused(reason);
    const given = crowd.dispensable;
    this.#tellFull(reason, limit, given);
    if (given === undefined) return false;
    given.destroy();
    this.closed(given);
    return true;
  }

  #tellFull(reason: string, limit: number, given: Connection | undefined): void {
    const times = this.#full.again(FULL_LOG_INTERVAL_MS);
    if (times === undefined) return;
    this.#options.log.warn('too many connections', {
      ...{ reason, limit, closed: given === undefined ? 'the new one' : 'an old one' },
      ...(times > 1 && { alsoClosed: times - 1 }),
    });
  }
}
