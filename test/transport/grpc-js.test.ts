import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { EchoServer } from './echo-server.ts';
import { eventually } from './eventually.ts';

const UNARY = '/test.Echo/Unary';
const STREAM = '/test.Echo/Stream';
const asIs = (bytes: Buffer): Buffer => bytes;

class GrpcJs implements Disposable {
  readonly client: Client;

  constructor(server: EchoServer) {
    this.client = new Client(`unix:${server.path}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
  }

  unary(message: Buffer | string, metadata = new Metadata(), deadlineMs = 20_000): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + deadlineMs };
      this.client.makeUnaryRequest(UNARY, asIs, asIs, Buffer.from(message), metadata, options, (error, answer) =>
        error === null && answer !== undefined ? resolve(answer) : reject(error),
      );
    });
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

const failsWith =
  (code: status, details: string) =>
  (error: ServiceError): boolean => {
    assert.deepEqual({ code: error.code, details: error.details }, { code, details });
    return true;
  };

test('grpc-js: a unary call is answered', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  assert.equal((await grpc.unary('hello')).toString(), 'hello');
  assert.equal(server.calls[0]?.path, UNARY);
});

test('grpc-js: a message of the largest size goes both ways, a larger one is refused', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const largest = Buffer.alloc(4 * 1024 * 1024, 'x');
  assert(largest.equals(await grpc.unary(largest)));
  const refused = 'a message of 4194305 bytes is over 4194304';
  await assert.rejects(grpc.unary(Buffer.alloc(largest.length + 1)), failsWith(status.RESOURCE_EXHAUSTED, refused));
  assert.equal((await grpc.unary('still here')).toString(), 'still here');
});

test('grpc-js: the text of a status may be any text', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const text = 'Zürich: 50% of 🔑\nare gone';
  await assert.rejects(grpc.unary(`end ${text}`), failsWith(status.INVALID_ARGUMENT, text));
});

test('grpc-js: what a method throws is logged and not told', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  await assert.rejects(grpc.unary('throw'), failsWith(status.INTERNAL, 'internal error'));
  assert.deepEqual(
    server.log.events.map(({ level, message }) => [level, message]),
    [['error', 'a call failed']],
  );
});

test('grpc-js: an unknown method is UNIMPLEMENTED', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const error = await new Promise<ServiceError | null>((resolve) => {
    grpc.client.makeUnaryRequest('/test.Echo/Nothing', asIs, asIs, Buffer.alloc(0), resolve);
  });
  assert.equal(error?.code, status.UNIMPLEMENTED);
  assert.equal(error?.details, 'there is no method "/test.Echo/Nothing"');
});

test('grpc-js: metadata arrives, binary values encoded, and the peer is known', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const metadata = new Metadata();
  metadata.add('authorization', 'Bearer one');
  metadata.add('token-bin', Buffer.from([0, 1, 255]));
  await grpc.unary('hello', metadata);
  const [call] = server.calls;
  assert.deepEqual(call?.metadata.getAll('authorization'), ['Bearer one']);
  assert.equal(Buffer.from(call?.metadata.getAll('token-bin')[0] ?? '', 'base64').toString('hex'), '0001ff');
  const expected = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
  assert.deepEqual(call?.peer, process.platform === 'linux' ? expected : undefined);
});

test('grpc-js: the deadline ends a call that takes too long, and its signal', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  await assert.rejects(
    grpc.unary('wait', new Metadata(), 200),
    ({ code }: ServiceError) => code === status.DEADLINE_EXCEEDED,
  );
  await eventually('the signal aborts', () => server.calls[0]?.signal.aborted === true);
});

test('grpc-js: messages go both ways on a stream until the client has no more', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const call = grpc.client.makeBidiStreamRequest(STREAM, asIs, asIs);
  const heard: string[] = [];
  call.on('data', (message: Buffer) => heard.push(message.toString()));
  for (const text of ['one', 'two', 'three']) call.write(Buffer.from(text));
  await eventually('three echoes', () => heard.length === 3);
  assert.equal(server.open, 1);
  const ended = new Promise<{ code: status }>((resolve) => call.on('status', resolve));
  call.end();
  assert.equal((await ended).code, status.OK);
  assert.deepEqual(heard, ['one', 'two', 'three']);
  assert.deepEqual([server.open, server.closed], [0, 1]);
});

test('grpc-js: a status after messages comes in trailers', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const call = grpc.client.makeBidiStreamRequest(STREAM, asIs, asIs);
  const heard: string[] = [];
  call.on('data', (message: Buffer) => heard.push(message.toString()));
  const failed = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  call.write(Buffer.from('one'));
  call.write(Buffer.from('end of the world'));
  assert.deepEqual(
    [(await failed).code, (await failed).details, heard],
    [status.INVALID_ARGUMENT, 'of the world', ['one']],
  );
});

test('grpc-js: a stream that the client cancels is closed once', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const call = grpc.client.makeBidiStreamRequest(STREAM, asIs, asIs);
  call.on('error', () => {});
  call.on('data', () => call.cancel());
  call.write(Buffer.from('one'));
  await eventually('the stream is closed', () => server.closed === 1);
  assert.equal(server.calls[0]?.signal.aborted, true);
  assert.equal((await grpc.unary('still here')).toString(), 'still here');
  assert.equal(server.closed, 1);
});

test('grpc-js: a drain ends streams UNAVAILABLE, answers what was asked, and removes the socket', async () => {
  await using server = await EchoServer.start();
  using grpc = new GrpcJs(server);
  const call = grpc.client.makeBidiStreamRequest(STREAM, asIs, asIs);
  const failed = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  call.on('data', () => {});
  call.write(Buffer.from('one'));
  await eventually('the stream is open', () => server.open === 1);
  await server.listener.drain(20_000);
  assert.deepEqual([(await failed).code, (await failed).details], [status.UNAVAILABLE, 'the agent is shutting down']);
  assert.deepEqual([server.open, server.connections, await server.files()], [0, 0, []]);
});
