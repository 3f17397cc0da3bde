import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';

const FRAME_HEADER_BYTES = 5;
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

/**
 * The least that a server on node:http2 can do for an Envoy: it waits until the first message of a stream is there
 * whole, and answers with bytes that were made before. It verifies nobody, decodes nothing, and has no limits.
 *
 * @param responses the answer to the first stream of a connection, to the second, and so on, round and round
 */
export function createFloor(responses: readonly Buffer[]): Http2Server {
  const server = createServer();
  server.on('session', (session) => {
    let opened = 0;
    session.on('stream', (stream) => {
      const response = responses[opened % responses.length];
      opened++;
      if (response !== undefined) answer(stream, response);
    });
  });
  return server;
}

function answer(stream: ServerHttp2Stream, response: Buffer): void {
  let receivedBytes = 0;
  let wholeAtBytes = 0;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    if (receivedBytes === 0) wholeAtBytes = FRAME_HEADER_BYTES + chunk.readUInt32BE(1);
    const before = receivedBytes;
    receivedBytes += chunk.length;
    if (before >= wholeAtBytes || receivedBytes < wholeAtBytes) return;
    stream.respond(HEADERS);
    stream.write(response);
  });
}
