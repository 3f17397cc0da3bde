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

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A bare HTTP/2 connection, for what a gRPC client would never do. */
export class RawHttp2 implements Disposable {
  readonly session: ClientHttp2Session;

  constructor(path: string) {
    this.session = connect('http://localhost', { createConnection: () => connectSocket(path), maxSessionMemory: 1000 });
    this.session.on('error', () => {});
  }

  open(path: string, headers: IncomingHttpHeaders = {}): ClientHttp2Stream {
    const usual = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
    const stream = this.session.request({ ...usual, ':path': path, ...headers });
    stream.on('error', () => {});
    return stream;
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
