import type { Socket } from 'node:net';
import type { AgentError } from '../core/agent-error.ts';
import type { PeerCredentials } from '../core/caller.ts';
import type { CallKind } from './call-limits.ts';
import { type Expiring, NEVER, TimeLimit } from './deadlines.ts';
import { GrpcSession } from './grpc-session.ts';
import type { HttpConnection, HttpRequests } from './http-requests.ts';
import { pause } from './pause.ts';
import type { PeerAccount } from './peer-account.ts';
import type { ReadPeerCredentials } from './peer-credentials.ts';
import { sniffProtocol } from './sniff-protocol.ts';
import type { CallOrigin, TransportContext } from './transport-context.ts';

const ignore = (): void => {};

/** Which connection it is, and whose. */
export interface ConnectionIdentity {
  readonly connectionId: number;
  readonly readPeer: ReadPeerCredentials;
  /** What its peer has; undefined: nothing is counted. */
  readonly account: PeerAccount | undefined;
}

/** Who is told what becomes of a connection. */
export interface ConnectionOwner {
  /** A caller on it has been verified, for the first time. */
  known(connection: Connection): void;
  /** It is gone. */
  closed(connection: Connection): void;
  /** One refusal less is held for this peer. */
  refusalTold(account: PeerAccount): void;
}

/**
 * One accepted connection: finds out what it speaks, hands it to HTTP/2 or HTTP/1.1, and closes it when it says
 * nothing or has nothing to do.
 */
export class Connection implements CallOrigin, HttpConnection, Expiring {
  readonly connectionId: number;
  readonly account: PeerAccount | undefined;
  readonly #owner: ConnectionOwner;
  readonly #context: TransportContext;
  readonly #http: HttpRequests;
  readonly #socket: Socket;
  readonly #limit: TimeLimit;
  readonly #readPeer: ReadPeerCredentials;
  #peer: PeerCredentials | 'unread' | undefined = 'unread';
  #session: GrpcSession | undefined;
  /** First bytes that do not tell yet. */
  #head: Buffer | undefined;
  #requests = 0;
  #known = false;
  #pinged = false;
  #draining = false;

  constructor(
    owner: ConnectionOwner,
    context: TransportContext,
    http: HttpRequests,
    socket: Socket,
    { connectionId, readPeer, account }: ConnectionIdentity,
  ) {
    this.#owner = owner;
    this.#context = context;
    this.#http = http;
    this.#socket = socket;
    this.#limit = new TimeLimit(context.deadlines, this);
    this.connectionId = connectionId;
    this.#readPeer = readPeer;
    this.account = account;
  }

  /** Asked of the kernel when somebody wants to know: it remembers who connected, also when that process is gone. */
  get peer(): PeerCredentials | undefined {
    if (this.#peer === 'unread') this.#peer = this.#readPeer(this.#socket);
    return this.#peer;
  }

  get peerAddress(): string | undefined {
    const { remoteAddress, remotePort } = this.#socket;
    if (remoteAddress === undefined) return undefined;
    return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
  }

  /** Whether closing it would disturb no call. */
  get idle(): boolean {
    return this.#requests === 0 && (this.#session?.idle ?? true);
  }

  get draining(): boolean {
    return this.#draining;
  }

  callerKnown(): void {
    if (this.#known) return;
    this.#known = true;
    this.#owner.known(this);
  }

  callOpened(kind: CallKind): AgentError | undefined {
    return this.account && this.#context.calls.open(this.account, kind);
  }

  callClosed(): void {
    if (this.account !== undefined) this.#context.calls.close(this.account);
  }

  async beforeRefusal(): Promise<void> {
    const { account } = this;
    const { calls, deadlines, limits } = this.#context;
    if (account === undefined) return;
    if (account.refusals >= limits.maxRefusalsHeld) {
      this.destroy();
      return;
    }
    account.refusals++;
    await pause(deadlines, calls.refusalDelayMs(account));
    account.refusals--;
    this.#owner.refusalTold(account);
  }

  messageDelayMs(): number {
    return this.account === undefined ? 0 : this.#context.calls.messageDelayMs(this.account);
  }

  /** Begins to read. */
  start(): void {
    // A connection's failure is its end, which `close` reports.
    this.#socket.on('error', ignore);
    this.#socket.on('close', () => {
      this.#limit.remove();
      this.#owner.closed(this);
    });
    this.#socket.on('readable', this.#sniff);
    this.limit(this.#context.limits.silenceMs);
  }

  /** Ends streams, lets requests that are being answered end, then closes. */
  drain(): void {
    this.#draining = true;
    this.#socket.once('finish', this.peerAddress === undefined ? this.#closeNow : this.#closeSoon);
    if (this.#session !== undefined) this.#session.drain();
    else if (this.idle) this.#socket.destroy();
  }

  destroy(): void {
    this.#session?.destroy();
    this.#socket.destroy();
  }

  expired(): void {
    if (this.#session === undefined || this.#pinged) {
      this.destroy();
    } else if (!this.#session.idle) {
      this.#ping(this.#session);
    } else if (this.#session.closed) {
      this.destroy();
    } else {
      this.#session.close();
      this.limit(this.#context.limits.flushMs);
    }
  }

  limit(durationMs: number): void {
    if (!this.#socket.destroyed) this.#limit.set(this.#context.deadlines.nowMs() + durationMs);
  }

  unlimit(): void {
    this.#limit.set(NEVER);
  }

  requestOpened(): void {
    this.#requests++;
  }

  requestClosed(): void {
    this.#requests--;
    if (this.#draining) this.#socket.destroySoon();
    else this.limit(this.#idleMs);
  }

  /** What has been written to a unix socket is at the peer's: nothing is lost by not waiting for its goodbye. */
  readonly #closeNow = (): void => void this.#socket.destroy();

  /** Closed with bytes unread, TCP takes back what the peer has not read yet: so it may say goodbye first. */
  readonly #closeSoon = (): void => this.limit(this.#context.limits.lingerMs);

  readonly #sniff = (): void => {
    const chunk: Buffer | null = this.#socket.read();
    if (chunk === null) return;
    const head = this.#head === undefined ? chunk : Buffer.concat([this.#head, chunk]);
    const protocol = sniffProtocol(head);
    if (protocol === 'undecided') {
      this.#head = head;
      return;
    }
    this.#head = undefined;
    this.#socket.off('readable', this.#sniff);
    if (protocol === 'neither') {
      this.#socket.destroy();
      return;
    }
    // Whoever takes over reads the connection from its beginning.
    this.#socket.unshift(head);
    if (protocol === 'http2') this.#speakHttp2();
    else this.#speakHttp1();
  };

  /** How long it may stay without a call. */
  get #idleMs(): number {
    const { idleMs, silenceMs } = this.#context.limits;
    return this.#known ? idleMs : silenceMs;
  }

  #speakHttp2(): void {
    this.#session = new GrpcSession(this.#context, this, this.#socket, () => this.#watchSession());
    this.#watchSession();
  }

  #watchSession(): void {
    this.limit(this.idle ? this.#idleMs : this.#context.limits.pingMs);
  }

  /**
   * When a peer breaks the protocol, nghttp2 says GOAWAY and wants to read no more; Node then stops reading without
   * a word and would not even notice that the peer has gone. No answer to a ping tells.
   */
  #ping(session: GrpcSession): void {
    this.#pinged = true;
    this.limit(this.#context.limits.pongMs);
    session.ping(() => {
      this.#pinged = false;
      this.#watchSession();
    });
  }

  #speakHttp1(): void {
    this.limit(this.#context.limits.messageMs);
    this.#http.accept(this.#socket, this);
  }
}
