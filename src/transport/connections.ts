import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TransportMeter } from '../core/meters.ts';
import type { GrpcMethods, HttpRoutes } from '../core/rpc.ts';
import { Seldom } from '../runtime/seldom.ts';
import { CallLimits } from './call-limits.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { Crowd } from './crowd.ts';
import { Deadlines } from './deadlines.ts';
import { HttpRequests } from './http-requests.ts';
import { MessageBuffers } from './message-buffers.ts';
import { pause } from './pause.ts';
import { PeerAccount } from './peer-account.ts';
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

const ignore = (): void => {};

/** That places have run out is in the log at most this often. */
const FULL_LOG_INTERVAL_MS = 60_000;

/** The connections of one listener: serves each, makes room for new ones, ends them all. */
export class Connections implements ConnectionOwner {
  readonly #options: ServingOptions;
  readonly #deadlines: Deadlines;
  readonly #context: TransportContext;
  readonly #http: HttpRequests;
  readonly #open = new Crowd();
  readonly #accounts = new Map<string, PeerAccount>();
  /** They wait to be closed, unheard. */
  readonly #banned = new Set<Socket>();
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
      calls: new CallLimits(limits, options),
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
    const account = peerKey === undefined ? undefined : (this.#accounts.get(peerKey) ?? new PeerAccount(peerKey));
    if (account !== undefined && account.refusals >= this.#context.limits.maxRefusalsHeld) {
      this.#ban(socket, account);
      return;
    }
    if (!this.#hasRoom(account)) {
      socket.destroy();
      return;
    }
    this.#ever++;
    const identity = { connectionId: this.#ever, readPeer, account };
    const connection = new Connection(this, this.#context, this.#http, socket, identity);
    this.#open.add(connection);
    account?.connections.add(connection);
    if (account !== undefined) this.#accounts.set(account.key, account);
    this.#options.meter.connectionOpened();
    connection.start();
  }

  known(connection: Connection): void {
    this.#open.know(connection);
    connection.account?.connections.know(connection);
  }

  closed(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    const { account } = connection;
    account?.connections.delete(connection);
    if (account?.isEmpty) this.#accounts.delete(account.key);
    this.#options.meter.connectionClosed();
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  refusalTold(account: PeerAccount): void {
    if (account.isEmpty) this.#accounts.delete(account.key);
  }

  /** Ends every stream with UNAVAILABLE and waits up to `graceMs` until all has been flushed; what is left is cut off. */
  async drain(graceMs: number): Promise<void> {
    for (const socket of this.#banned) socket.destroy();
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

  /** Who comes back at once for the same is kept waiting, where he costs nothing. */
  #ban(socket: Socket, account: PeerAccount): void {
    const { banMs, maxRefusalsHeld } = this.#context.limits;
    if (account.banned >= maxRefusalsHeld) {
      socket.destroy();
      return;
    }
    account.banned++;
    this.#banned.add(socket);
    socket.on('error', ignore);
    void pause(this.#deadlines, banMs).then(() => {
      socket.destroy();
      this.#banned.delete(socket);
      account.banned--;
      this.refusalTold(account);
    });
  }

  /** A peer with too many connections gives up one of its own: so nobody else's place is at stake. */
  #hasRoom(account: PeerAccount | undefined): boolean {
    const { maxConnections, maxConnectionsPerPeer } = this.#context.limits;
    const crowd = account?.connections;
    if (crowd !== undefined && !this.#makeRoom(crowd, maxConnectionsPerPeer, account?.key)) return false;
    return this.#makeRoom(this.#open, maxConnections);
  }

  /** @param peer whose crowd it is; undefined: everybody's */
  #makeRoom(crowd: Crowd, limit: number, peer?: string): boolean {
    if (crowd.size < limit) return true;
    this.#options.meter.refused(peer === undefined ? 'connections' : 'connections_per_peer');
    const given = crowd.dispensable;
    const times = this.#full.again(FULL_LOG_INTERVAL_MS);
    if (times !== undefined) {
      const closed = given === undefined ? 'the new one' : 'an old one';
      const fields = { ...(peer !== undefined && { peer }), limit, closed };
      this.#options.log.warn('too many connections', { ...fields, ...(times > 1 && { alsoClosed: times - 1 }) });
    }
    if (given === undefined) return false;
    given.destroy();
    this.closed(given);
    return true;
  }
}
