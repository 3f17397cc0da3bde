import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';

/** A connection of bytes, for peers that speak as they like. */
export class RawPeer implements Disposable {
  readonly socket: Socket;
  heard = '';
  closed = false;

  private constructor(path: string) {
    this.socket = connectSocket(path);
    this.socket.on('data', (chunk) => {
      this.heard += chunk.toString('latin1');
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  static async connect(path: string): Promise<RawPeer> {
    const peer = new RawPeer(path);
    await once(peer.socket, 'connect');
    return peer;
  }

  say(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Resolves once the kernel has what was said, and a server in this process has had time to read it. */
  async taken(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write('', () => resolve()));
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A bare HTTP/2 connection, for what a gRPC client would never do. */
export class RawHttp2 implements Disposable {
  readonly session: ClientHttp2Session;
  readonly #socket: Socket;

  constructor(path: string) {
    this.#socket = connectSocket(path);
    this.session = connect('http://localhost', { createConnection: () => this.#socket, maxSessionMemory: 1000 });
    this.session.on('error', () => {});
  }

  open(path: string, headers: IncomingHttpHeaders = {}): ClientHttp2Stream {
    const usual = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
    const stream = this.session.request({ ...usual, ':path': path, ...headers });
    stream.on('error', () => {});
    return stream;
  }

  /** Sends data on no stream, behind the session's back (RFC 9113 section 6.1 demands GOAWAY). */
  breakProtocol(): void {
    this.#socket.write(Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 0, 0]));
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

/** The headers that a stream is answered with. */
export async function headersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const [headers]: IncomingHttpHeaders[] = await once(stream, 'response');
  return headers ?? {};
}
