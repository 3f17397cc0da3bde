import { createServer, type Server, type Socket } from 'node:net';
import type { PeerCredentials } from '../core/caller.ts';
import type { PeerAttestor } from '../core/peer-attestor.ts';
import { Connections, type ServingOptions } from './connections.ts';
import { loadPeerCredentials, type ReadPeerCredentials } from './peer-credentials.ts';
import { SocketFile, type SocketFileOptions } from './socket-file.ts';

export interface SocketListenerOptions extends SocketFileOptions, ServingOptions {
  /**
   * Whose connection it is, for the limits of a peer: a key that no pod can multiply. Undefined for a peer, or absent:
   * it is not counted.
   */
  readonly peerKey?: (peer: PeerCredentials) => string | undefined;
  /** Finds out about each peer when its connection is accepted; absent: nobody asks. */
  readonly attestor?: PeerAttestor | undefined;
}

/** Serves gRPC and HTTP/1.1 on one unix socket. */
export class SocketListener implements AsyncDisposable {
  readonly #options: SocketListenerOptions;
  readonly #file: SocketFile;
  readonly #connections: Connections;
  readonly #server: Server;
  #readPeer: ReadPeerCredentials = () => undefined;

  constructor(options: SocketListenerOptions) {
    this.#options = options;
    this.#file = new SocketFile(options);
    this.#connections = new Connections(options);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Rejects with an `AgentError` `socket-unusable` that says what to do, where `listen` would: another agent serves. */
  requireFree(): Promise<void> {
    return this.#file.requireFree();
  }

  /** Makes the socket and accepts connections. Rejects with an `AgentError` `socket-unusable` that says what to do. */
  async listen(): Promise<void> {
    this.#readPeer = loadPeerCredentials(this.#options.log, this.#options.attestor);
    await this.#file.bind(this.#server);
    this.#server.on('error', (error) => this.#options.log.error('connections cannot be accepted', { error }));
  }

  /**
   * Accepts nothing new, ends every stream with UNAVAILABLE and waits up to `graceMs` until all has been flushed;
   * what is left is cut off. Then removes the socket, unless it is another agent's by now.
   */
  async drain(graceMs: number): Promise<void> {
    this.#server.close();
    await this.#connections.drain(graceMs);
    await this.#file.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  /**
   * Who connected is remembered by the kernel; which pod that process is in has to be found out while it is there, so
   * not when the first call asks.
   */
  #accept(socket: Socket): void {
    const { attestor, peerKey } = this.#options;
    const peer = attestor === undefined && peerKey === undefined ? undefined : this.#readPeer(socket);
    const readPeer = peer === undefined ? this.#readPeer : () => peer;
    this.#connections.accept(socket, { readPeer, peerKey: peer && peerKey?.(peer) });
  }
}
