import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { DiscoveryResponse } from '../../src/gen/xds/discovery.ts';
import { acknowledgement, firstRequest } from './discovery-request.ts';

const PATH = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';
const FRAME_HEADER_BYTES = 5;
const NOTHING = Buffer.alloc(0);

/**
 * One stream for one name, as an Envoy opens it: asks, and acknowledges what it gets. That a server ends it is
 * thrown, uncaught: a measurement with a lost stream measures nothing.
 */
export class LoadStream {
  readonly resourceName: string;
  /** Resolves with the size of the first response, after it was acknowledged. */
  readonly served: Promise<number>;
  readonly #stream: ClientHttp2Stream;
  #onServed: (responseBytes: number) => void = () => undefined;
  #unread: Buffer = NOTHING;
  /** When messages arrived since it is watched; undefined while it is not. */
  #arrivalsMs: number[] | undefined;
  #unacknowledged: Buffer | undefined;

  constructor(session: ClientHttp2Session, nodeId: string, token: string, resourceName: string) {
    this.resourceName = resourceName;
    this.served = new Promise((resolve) => {
      this.#onServed = resolve;
    });
    const headers = { 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${token}` };
    this.#stream = session.request({ ':method': 'POST', ':path': PATH, ...headers }, { endStream: false });
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#stream.on('end', () => {
      // Destroying the session ends its streams too, but that is our doing.
      if (!session.destroyed) throw new Error(`the server ended a stream for ${resourceName}`);
    });
    this.#stream.write(firstRequest(nodeId, resourceName));
  }

  watch(): void {
    this.#arrivalsMs = [];
  }

  /** When messages arrived since `watch`; they are acknowledged now. */
  takeArrivals(): readonly number[] {
    const arrivalsMs = this.#arrivalsMs ?? [];
    this.#arrivalsMs = undefined;
    if (this.#unacknowledged !== undefined) this.#acknowledge(this.#unacknowledged);
    this.#unacknowledged = undefined;
    return arrivalsMs;
  }

  #read(chunk: Buffer): void {
    const unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#unread = unread;
    if (unread.length < FRAME_HEADER_BYTES) return;
    const end = FRAME_HEADER_BYTES + unread.readUInt32BE(1);
    if (unread.length < end) return;
    // A server sends the next message only after this one was acknowledged, so nothing may follow.
    if (unread.length > end) throw new Error(`two responses for ${this.resourceName} without an ACK between them`);
    this.#unread = NOTHING;
    this.#hear(unread.subarray(FRAME_HEADER_BYTES));
  }

  #hear(message: Buffer): void {
    if (this.#arrivalsMs === undefined) {
      this.#acknowledge(message);
      this.#onServed(message.length);
    } else {
      this.#arrivalsMs.push(performance.now());
      this.#unacknowledged = message;
    }
  }

  #acknowledge(message: Buffer): void {
    const { versionInfo, nonce } = DiscoveryResponse.decode(message);
    this.#stream.write(acknowledgement(this.resourceName, versionInfo, nonce));
  }
}
