import type { Socket } from 'node:net';
import { createSecureContext, createServer, type Server } from 'node:tls';
import { AgentError } from '../core/agent-error.ts';
import type { ServerCertificate } from '../core/server-certificate.ts';
import { toAddressKey } from './address-key.ts';
import { Connections, type ServingOptions } from './connections.ts';
import { systemErrorCode } from './system-error-code.ts';
import { DEFAULT_LIMITS } from './transport-limits.ts';

export interface TlsListenerOptions extends ServingOptions {
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
}

/** A handshake takes milliseconds. When so many are unfinished, the oldest is not going to end. */
const MOST_HANDSHAKES = 512;
const ignore = (): void => {};

/** Serves gRPC over TLS on a TCP port. Before its first certificate no handshake succeeds. */
export class TlsListener implements AsyncDisposable {
  readonly #options: TlsListenerOptions;
  readonly #connections: Connections;
  readonly #server: Server;
  /** Connections whose handshake has not ended, by the peer's address. */
  readonly #handshakes = new Map<string, Socket>();

  constructor(options: TlsListenerOptions) {
    this.#options = options;
    this.#connections = new Connections(options);
    const { silenceMs } = { ...DEFAULT_LIMITS, ...options.limits };
    this.#server = createServer({ ALPNProtocols: ['h2'], handshakeTimeout: silenceMs, noDelay: true });
    this.#server.on('connection', (socket: Socket) => this.#shakeHands(socket));
    this.#server.on('secureConnection', (socket) => {
      this.#handshakes.delete(addressOf(socket));
      const { remoteAddress } = socket;
      const peerKey = remoteAddress === undefined ? undefined : toAddressKey(remoteAddress);
      this.#connections.accept(socket, { readPeer: () => undefined, peerKey });
    });
    this.#server.on('tlsClientError', (error, socket) => {
      options.log.debug('a TLS handshake failed', { error });
      // After a handshake that took too long Node leaves the connection open.
      socket.destroy();
    });
  }

  /** How many connections are open, those that still shake hands included. */
  get connections(): number {
    return this.#handshakes.size + this.#connections.size;
  }

  /**
   * Shows this certificate from the next handshake on; connections that are open stay.
   *
   * @throws AgentError `settings-invalid` where key and certificate are no pair: the old one is still shown
   */
  setCertificate({ chainPem, keyPem }: ServerCertificate): void {
    const pair = { cert: chainPem, key: keyPem.reveal() };
    try {
      createSecureContext(pair);
    } catch (cause) {
      // The cause may quote its input.
      const reason = systemErrorCode(cause);
      throw new AgentError('settings-invalid', `the certificate and its key cannot be used together: ${reason}`);
    }
    this.#server.setSecureContext(pair);
  }

  /** Accepts connections, and gives the port. Rejects with an `AgentError` `socket-unusable` that says what to do. */
  async listen(): Promise<number> {
    const { host, port, log } = this.#options;
    try {
      await listening(this.#server, host, port);
    } catch (cause) {
      throw new AgentError('socket-unusable', `cannot listen on ${host}:${port}: ${adviceFor(cause)}`, { cause });
    }
    this.#server.on('error', (error) => log.error('connections cannot be accepted', { error }));
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /**
   * Accepts nothing new, ends every stream with UNAVAILABLE and waits up to `graceMs` until all has been flushed;
   * what is left is cut off.
   */
  async drain(graceMs: number): Promise<void> {
    this.#server.close();
    for (const socket of this.#handshakes.values()) socket.destroy();
    await this.#connections.drain(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  #shakeHands(socket: Socket): void {
    const address = addressOf(socket);
    socket.on('error', ignore);
    socket.on('close', () => {
      if (this.#handshakes.get(address) === socket) this.#handshakes.delete(address);
    });
    this.#handshakes.set(address, socket);
    if (this.#handshakes.size <= MOST_HANDSHAKES) return;
    const [oldest] = this.#handshakes.values();
    oldest?.destroy();
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

const ADVICE = new Map([
  ['EADDRINUSE', 'another process listens there: stop that one, or choose another port'],
  ['EADDRNOTAVAIL', 'this machine has no such address: choose one of its own, or 0.0.0.0 for all'],
  ['EACCES', 'access is denied: choose a port above 1023'],
  ['ENOTFOUND', 'the name has no address: choose an address of this machine'],
]);

function adviceFor(error: unknown): string {
  const code = systemErrorCode(error);
  return ADVICE.get(code) ?? `the system says ${code}`;
}
