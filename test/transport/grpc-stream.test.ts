import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { StreamCall } from '../../src/core/rpc.ts';
import { frameMessage } from '../../src/transport/frame-message.ts';
import { GrpcClient } from '../../src/transport/grpc-client.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';
import { EchoServer } from './echo-server.ts';
import { eventually, settled } from './eventually.ts';
import { headersOf, RawHttp2 } from './raw-peer.ts';

const STREAM = '/test.Echo/Stream';
const UNARY = '/test.Echo/Unary';

function onlyCall(server: EchoServer): StreamCall {
  const [call] = server.streams;
  assert(call !== undefined && server.streams.length === 1);
  return call;
}

for (const [name, headers, status] of [
  ['a method that is not POST', { ':method': 'GET' }, 405],
  ['a content type that is not gRPC', { 'content-type': 'application/json' }, 415],
  ['gRPC-Web', { 'content-type': 'application/grpc-web' }, 415],
] as const) {
  test(`${name} is answered with HTTP ${status}`, async () => {
    await using server = await EchoServer.start();
    using peer = new RawHttp2(server.path);
    assert.equal((await headersOf(peer.open(UNARY, headers)))[':status'], status);
    assert.deepEqual(server.calls, []);
  });
}

test('an error before the first message comes as trailers alone', async () => {
  await using server = await EchoServer.start();
  using peer = new RawHttp2(server.path);
  const stream = peer.open(STREAM);
  stream.end(frameMessage(Buffer.from('end it')));
  const headers = await headersOf(stream);
  assert.deepEqual(
    [headers[':status'], headers['grpc-status'], headers['grpc-message'], headers.date],
    [200, '3', 'it', undefined],
  );
  stream.resume();
  await eventually('the stream is closed', () => stream.closed);
});

test('a compressed message is UNIMPLEMENTED, with what would have been understood', async () => {
  await using server = await EchoServer.start();
  using peer = new RawHttp2(server.path);
  const stream = peer.open(STREAM);
  stream.write(Buffer.from([1, 0, 0, 0, 0]));
  const headers = await headersOf(stream);
  assert.deepEqual([headers['grpc-status'], headers['grpc-accept-encoding']], ['12', 'identity']);
});

for (const [name, frames, message] of [
  ['no message', [], 'the method takes one message, not none'],
  ['two messages', ['a', 'b'], 'the method takes one message, not more'],
] as const) {
  test(`a unary call with ${name} is INVALID_ARGUMENT`, async () => {
    await using server = await EchoServer.start();
    using peer = new RawHttp2(server.path);
    const stream = peer.open(UNARY);
    stream.end(Buffer.concat(frames.map((text) => frameMessage(Buffer.from(text)))));
    const headers = await headersOf(stream);
    assert.deepEqual([headers['grpc-status'], headers['grpc-message']], ['3', message]);
  });
}

test('a call that ends within a message is INVALID_ARGUMENT', async () => {
  await using server = await EchoServer.start();
  using peer = new RawHttp2(server.path);
  const stream = peer.open(STREAM);
  stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
  assert.equal((await headersOf(stream))['grpc-status'], '3');
});

test('a malformed grpc-timeout is INVALID_ARGUMENT and reaches no method', async () => {
  await using server = await EchoServer.start();
  using peer = new RawHttp2(server.path);
  assert.equal((await headersOf(peer.open(STREAM, { 'grpc-timeout': 'soon' })))['grpc-status'], '3');
  assert.deepEqual(server.calls, []);
});

test('the deadline of a stream is kept by the server too', async () => {
  const clock = new FakeClock();
  await using server = await EchoServer.start(clock);
  using peer = new RawHttp2(server.path);
  const stream = peer.open(STREAM, { 'grpc-timeout': '20S' });
  const headers = headersOf(stream);
  await eventually('the call arrives', () => server.open === 1);
  const { signal } = onlyCall(server);
  await clock.advance(seconds(19));
  assert.equal(signal.aborted, false);
  await clock.advance(seconds(2));
  const { 'grpc-status': status, 'grpc-message': message } = await headers;
  assert.deepEqual([status, message], ['4', 'the deadline of the call has passed']);
  assert.equal(signal.aborted, true);
  assert.equal(server.closed, 1);
});

test('duplicated headers are all visible', async () => {
  await using server = await EchoServer.start();
  using peer = new RawHttp2(server.path);
  peer.open(STREAM, { 'x-token': ['one', 'two'] }).write(frameMessage(Buffer.from('a')));
  await eventually('the call arrives', () => server.received === 1);
  assert.deepEqual(onlyCall(server).metadata.getAll('x-token'), ['one', 'two']);
});

test('a paused call delivers nothing, holds the peer back, and delivers all in order once resumed', async () => {
  await using server = await EchoServer.start();
  using peer = new RawHttp2(server.path);
  const stream = peer.open(STREAM);
  stream.resume();
  await eventually('the call arrives', () => server.open === 1);
  const call = onlyCall(server);
  call.pause();
  const messages = 1000;
  for (let index = 0; index < messages; index++) stream.write(frameMessage(Buffer.alloc(1000, `${index} `)));
  // 64 KB of window and what the stream itself holds: far less than the million bytes that were written.
  assert((await settled(() => stream.bufferSize)) > 900_000);
  assert.equal(server.received, 0);
  call.resume();
  await eventually('everything arrives', () => server.received === messages);
});

test('a handler that pauses gets no further message, although it has arrived, until it resumes', async () => {
  await using server = await EchoServer.start();
  using peer = new RawHttp2(server.path);
  const stream = peer.open(STREAM);
  stream.resume();
  stream.end(Buffer.concat(['one', 'pause', 'three'].map((text) => frameMessage(Buffer.from(text)))));
  await eventually('it pauses', () => server.received >= 2);
  await eventually('all has arrived', () => stream.writableFinished);
  assert.deepEqual([server.received, server.open], [2, 1]);
  onlyCall(server).resume();
  assert.equal(server.received, 3);
  await eventually('the end arrives too', () => server.closed === 1);
});

test('a client that does not read makes the call not writable, and reading makes it writable again', async () => {
  await using server = await EchoServer.start();
  await using client = await GrpcClient.connect(server.path);
  const stream = client.stream(STREAM, {});
  await eventually('the call arrives', () => server.open === 1);
  const call = onlyCall(server);
  let sent = 0;
  while (call.writable) {
    call.send(Buffer.alloc(10_000));
    sent++;
    assert(sent < 1000, 'it is always writable');
  }
  await eventually('what the window takes is gone', () => {
    if (call.writable) {
      call.send(Buffer.alloc(10_000));
      sent++;
    }
    return sent > 5 && !call.writable;
  });
  const drainedBefore = server.drained;
  let read = 0;
  for await (const message of stream) {
    read += message.length;
    if (read === sent * 10_000) break;
  }
  await eventually('it is writable again', () => server.drained > drainedBefore);
});

test('after the end a call is inert', async () => {
  await using server = await EchoServer.start();
  await using client = await GrpcClient.connect(server.path);
  const stream = client.stream(STREAM, {});
  await eventually('the call arrives', () => server.open === 1);
  const call = onlyCall(server);
  call.end();
  call.end(new AgentError('internal', 'too late'));
  call.send(Buffer.from('too late'));
  call.pause();
  call.resume();
  assert.equal(call.writable, false);
  assert.deepEqual(await stream.outcome, { status: 'OK', message: '' });
  assert.equal(server.closed, 1);
});

test('the client fails with a text that names the socket when nobody listens', async () => {
  await assert.rejects(GrpcClient.connect('/nowhere/at/all'), /cannot connect to \/nowhere\/at\/all/);
});

test('the client keeps to its own time limit and can be cancelled', async () => {
  await using server = await EchoServer.start(new FakeClock());
  await using client = await GrpcClient.connect(server.path);
  const late = client.unary(UNARY, {}, Buffer.from('wait'), { timeoutMs: 50 });
  await assert.rejects(late, { status: 'DEADLINE_EXCEEDED' });
  const controller = new AbortController();
  const cancelled = client.unary(UNARY, {}, Buffer.from('wait'), { signal: controller.signal });
  controller.abort();
  await assert.rejects(cancelled, { status: 'CANCELLED' });
  assert.equal((await client.unary(UNARY, {}, Buffer.from('hello'))).toString(), 'hello');
});
