import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { LoadStream } from './load-stream.ts';

/** One connection with a stream for each name, as an Envoy with envoy_grpc has it. */
export class LoadConnection {
  readonly streams: readonly LoadStream[];
  readonly #session: ClientHttp2Session;
  #closing = false;

  constructor(socketPath: string, nodeId: string, token: string, resourceNames: readonly string[]) {
    this.#session = connect('http://localhost', { createConnection: () => connectSocket(socketPath) });
    this.#session.on('close', () => {
      if (!this.#closing) throw new Error('the server closed a connection');
    });
    this.streams = resourceNames.map((name) => new LoadStream(this.#session, nodeId, token, name));
  }

  /** Resolves with the size of each stream's first response. */
  served(): Promise<number[]> {
    return Promise.all(this.streams.map(({ served }) => served));
  }

  close(): Promise<void> {
    this.#closing = true;
    return new Promise((resolve) => {
      this.#session.on('close', resolve);
      this.#session.destroy();
    });
  }
}
