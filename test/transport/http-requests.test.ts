import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { test } from 'node:test';
import { EchoServer } from './echo-server.ts';
import { eventually } from './eventually.ts';
import { RawPeer } from './raw-peer.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(server: EchoServer, options: RequestOptions, body: string | Buffer = ''): Promise<Answer> {
  const sent = request({ socketPath: server.path, method: 'POST', path: '/echo', ...options });
  sent.on('error', () => {});
  sent.end(body);
  const [response]: IncomingMessage[] = await once(sent, 'response');
  assert(response);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

test('a route is answered, with the peer known', async () => {
  await using server = await EchoServer.start();
  const { status, headers, body } = await ask(server, { headers: { Authorization: 'Bearer one' } }, 'hello');
  assert.deepEqual([status, headers['content-type'], body], [200, 'text/plain', 'hello']);
  const [call] = server.calls;
  assert.deepEqual(call?.metadata.getAll('authorization'), ['Bearer one']);
  assert.equal(call?.peer?.pid, process.platform === 'linux' ? process.pid : undefined);
});

test('one connection carries many requests', async () => {
  await using server = await EchoServer.start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let index = 0; index < 3; index++) assert.equal((await ask(server, { agent }, `${index}`)).body, `${index}`);
  assert.deepEqual(
    server.calls.map(({ connectionId }) => connectionId),
    [1, 1, 1],
  );
  agent.destroy();
});

const REFUSED: readonly [string, RequestOptions, string, number, object][] = [
  ['an unknown path', { path: '/x' }, '', 404, { code: 'request-name-unknown', message: 'nothing is at "/x"' }],
  ['another method', { method: 'PUT' }, '', 405, { code: 'request-invalid', message: 'use POST' }],
  ['an error of the route', {}, 'end of it', 400, { code: 'request-invalid', message: 'of it' }],
  ['an unforeseen error', {}, 'throw', 500, { code: 'internal', message: 'internal error' }],
];

for (const [name, options, sent, status, error] of REFUSED) {
  test(`${name} is answered with ${status} and says why in JSON`, async () => {
    await using server = await EchoServer.start();
    const answer = await ask(server, options, sent);
    assert.deepEqual([answer.status, answer.headers['content-type']], [status, 'application/json']);
    assert.deepEqual(JSON.parse(answer.body), error);
    assert.equal(answer.headers.allow, status === 405 ? 'POST' : undefined);
  });
}

test('a request that is refused for its headers is answered before its body is there, and the connection closed', async () => {
  await using server = await EchoServer.start();
  using peer = await RawPeer.connect(server.path);
  peer.say('POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf');
  await eventually('it is answered and closed', () => peer.closed && peer.heard.includes('token-missing'));
  assert.match(peer.heard, /^HTTP\/1\.1 401 /);
});

test('a body of the largest size is taken, a larger one refused with 413, announced or not', async () => {
  await using server = await EchoServer.start();
  const largest = Buffer.alloc(4 * 1024 * 1024, 'x');
  assert.equal((await ask(server, {}, largest)).body.length, largest.length);
  using announced = await RawPeer.connect(server.path);
  announced.say('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4194305\r\n\r\n');
  using chunked = await RawPeer.connect(server.path);
  chunked.say('POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n400001\r\n');
  chunked.say(Buffer.alloc(0x40_0001, 'x'));
  for (const peer of [announced, chunked]) {
    await eventually('it is answered and closed', () => peer.closed && peer.heard.includes('request-too-large'));
    assert.match(peer.heard, /^HTTP\/1\.1 413 /);
  }
  assert.equal(server.calls.length, 1);
});

for (const malformed of [
  'GARBAGE\r\n\r\n',
  'POST /echo HTTP/9.9\r\n\r\n',
  'POST /echo HTTP/1.1\r\nbad header\r\n\r\n',
]) {
  test(`${JSON.stringify(malformed)} is answered with 400 and closed`, async () => {
    await using server = await EchoServer.start();
    using peer = await RawPeer.connect(server.path);
    peer.say(malformed);
    await eventually('it is closed', () => peer.closed);
    assert.match(peer.heard, /^HTTP\/1\.1 400 /);
    await eventually('the connection is gone', () => server.connections === 0);
  });
}

test('the signal of a request aborts when the client goes', async () => {
  await using server = await EchoServer.start();
  const peer = await RawPeer.connect(server.path);
  peer.say('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nwait');
  await eventually('the call arrives', () => server.calls.length === 1);
  peer[Symbol.dispose]();
  await eventually('the signal aborts', () => server.calls[0]?.signal.aborted === true);
});

test('a drain lets a request be answered and closes its connection, and idle ones at once', async () => {
  await using server = await EchoServer.start();
  using idle = await RawPeer.connect(server.path);
  idle.say('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  await eventually('the first is answered', () => idle.heard.includes('200 OK'));
  using busy = await RawPeer.connect(server.path);
  busy.say('POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhel');
  await eventually('the second is heard', () => busy.heard.includes('100 Continue'));
  const drained = server.listener.drain(20_000);
  await eventually('the idle one is closed', () => idle.closed);
  busy.say('lo');
  await drained;
  await eventually('the answer is there', () => busy.closed);
  assert.match(busy.heard, /HTTP\/1\.1 200 .*connection: close.*hello$/is);
});
