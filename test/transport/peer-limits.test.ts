import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { frameMessage } from '../../src/transport/frame-message.ts';
import type { TransportLimits } from '../../src/transport/transport-limits.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';
import { EchoServer } from './echo-server.ts';
import { eventually } from './eventually.ts';
import { headersOf, RawHttp2, RawPeer } from './raw-peer.ts';

const STREAM = '/test.Echo/Stream';
const UNARY = '/test.Echo/Unary';
const KNOWN = { authorization: 'Bearer known' };
const REQUEST = 'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n';

/** A server whose peers are called what `world.name` is when they connect. */
class World implements AsyncDisposable {
  readonly server: EchoServer;
  readonly clock: FakeClock;
  readonly #name: { current: string | undefined };
  readonly #peers: Disposable[] = [];

  private constructor(server: EchoServer, clock: FakeClock, name: { current: string | undefined }) {
    this.server = server;
    this.clock = clock;
    this.#name = name;
  }

  static async start(t: TestContext, limits: Partial<TransportLimits>): Promise<World> {
    const clock = new FakeClock();
    const name = { current: undefined };
    const server = await EchoServer.start(clock, limits, { peerKey: () => name.current });
    const world = new World(server, clock, name);
    if (process.platform !== 'linux') t.skip('the kernel does not tell who connects');
    return world;
  }

  /** A connection of this peer's that has been accepted. */
  async connect(name: string | undefined): Promise<RawHttp2> {
    this.#name.current = name;
    const peer = new RawHttp2(this.server.path);
    this.#peers.push(peer);
    await Promise.race([once(peer.session, 'remoteSettings'), once(peer.session, 'close')]);
    return peer;
  }

  async connectRaw(name: string): Promise<RawPeer> {
    this.#name.current = name;
    const peer = await RawPeer.connect(this.server.path);
    this.#peers.push(peer);
    peer.say(REQUEST);
    await eventually('it is answered', () => peer.heard.includes('200 OK'));
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) peer[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** Opens a stream and says something on it: resolves with `served`, or with the message of the refusal. */
async function outcomeOf(stream: ClientHttp2Stream): Promise<string> {
  stream.resume().write(frameMessage(Buffer.from('hello')));
  const headers = await headersOf(stream);
  return headers['grpc-status'] === undefined ? 'served' : `${headers['grpc-status']} ${headers['grpc-message']}`;
}

test('a peer has so many streams and no more, on however many connections, and another has its own', async (t) => {
  await using world = await World.start(t, { maxCallsPerPeer: 3 });
  const [first, second] = [await world.connect('noisy'), await world.connect('noisy')];
  const streams = [first, first, second].map((peer) => peer.open(STREAM, KNOWN));
  for (const stream of streams) assert.equal(await outcomeOf(stream), 'served');
  const refused = 'MAX_STREAMS_PER_PEER is reached, which is 3: end some that are open';
  assert.equal(await outcomeOf(second.open(STREAM, KNOWN)), `8 ${refused}`);
  assert.equal(await outcomeOf((await world.connect('quiet')).open(STREAM, KNOWN)), 'served');
  streams[0]?.end();
  await eventually('it has ended', () => world.server.open === 3);
  await world.clock.advance(1000);
  assert.equal(await outcomeOf(second.open(STREAM, KNOWN)), 'served');
  assert.deepEqual(world.server.refused, ['streams_per_peer']);
});

test('those of whom the kernel tells nothing are not counted as one', async (t) => {
  await using world = await World.start(t, { maxCallsPerPeer: 1, maxConnectionsPerPeer: 1 });
  for (const peer of [await world.connect(undefined), await world.connect(undefined)]) {
    assert.equal(await outcomeOf(peer.open(STREAM)), 'served');
    assert.equal(await outcomeOf(peer.open(STREAM)), 'served');
  }
});

test('a peer that opens streams too fast is refused, one after the other, until it has waited', async (t) => {
  await using world = await World.start(t, { newCallsPerSecond: 10, newCallsBurst: 5 });
  const noisy = await world.connect('noisy');
  for (let number = 0; number < 5; number++) assert.equal(await outcomeOf(noisy.open(STREAM, KNOWN)), 'served');
  const refused = [1, 2, 3].map(() => outcomeOf(noisy.open(STREAM, KNOWN)));
  const told: number[] = [];
  for (const [index, outcome] of refused.entries()) {
    void outcome.then((text) => {
      assert.equal(text, '8 MAX_NEW_STREAMS_PER_SECOND is reached, which is 10: open them more slowly');
      told.push(index);
    });
  }
  await eventually('the first is told at once', () => told.length === 1);
  assert.equal(await outcomeOf((await world.connect('quiet')).open(STREAM, KNOWN)), 'served');
  assert.deepEqual(told, [0]);
  await world.clock.advance(100);
  await eventually('then the second', () => told.length === 2);
  await world.clock.advance(100);
  await Promise.all(refused);
  assert.equal(await outcomeOf(noisy.open(STREAM, KNOWN)), 'served');
  assert.deepEqual(world.server.refused, ['new_streams', 'new_streams', 'new_streams']);
});

test('HTTP requests are polls: they are no new streams, and are heard at the pace of messages', async (t) => {
  const limits = { newCallsPerSecond: 1, newCallsBurst: 1, messagesPerSecond: 1, messagesBurst: 2 };
  await using world = await World.start(t, limits);
  const http = await world.connectRaw('noisy');
  const answered = (): number => http.heard.split('200 OK').length - 1;
  http.say(REQUEST);
  await eventually('the second is answered', () => answered() === 2);
  http.say(REQUEST);
  await http.taken();
  await world.clock.advance(999);
  assert.equal(answered(), 2);
  await world.clock.advance(1);
  await eventually('the third is answered', () => answered() === 3);
  assert.deepEqual(world.server.refused, []);
});

test('HTTP requests count for how many streams a peer has', async (t) => {
  await using world = await World.start(t, { maxCallsPerPeer: 1 });
  const http = await world.connectRaw('noisy');
  assert.equal(await outcomeOf((await world.connect('noisy')).open(STREAM, KNOWN)), 'served');
  http.say(REQUEST);
  await eventually('it is refused', () => http.heard.includes('HTTP/1.1 429'));
  assert.match(http.heard, /"code":"limit-exceeded","message":"MAX_STREAMS_PER_PEER/);
});

test('unary calls count as well, and coming back on a new connection does not help', async (t) => {
  await using world = await World.start(t, { newCallsPerSecond: 1, newCallsBurst: 1 });
  const unary = (await world.connect('noisy')).open(UNARY);
  unary.resume().end(frameMessage(Buffer.from('hello')));
  assert.equal((await headersOf(unary))['grpc-status'], undefined);
  assert.match(await outcomeOf((await world.connect('noisy')).open(STREAM)), /^8 MAX_NEW_STREAMS/);
  const again = outcomeOf((await world.connect('noisy')).open(STREAM));
  await world.clock.advance(999);
  assert.match(await Promise.race([again, 'not yet']), /not yet/);
  await world.clock.advance(1);
  assert.match(await again, /^8 MAX_NEW_STREAMS/);
});

test('a peer that is refused and goes on loses its connection, is kept waiting when it comes back, and then heard', async (t) => {
  await using world = await World.start(t, { newCallsPerSecond: 1, newCallsBurst: 1, maxRefusalsHeld: 3, banMs: 1000 });
  const noisy = await world.connect('noisy');
  assert.equal(await outcomeOf(noisy.open(STREAM, KNOWN)), 'served');
  assert.match(await outcomeOf(noisy.open(STREAM, KNOWN)), /^8 /);
  for (let number = 0; number < 4; number++) noisy.open(STREAM, KNOWN);
  await once(noisy.session, 'close');
  const banned = await RawPeer.connect(world.server.path);
  banned.say(REQUEST);
  await banned.taken();
  assert.deepEqual([banned.closed, banned.heard], [false, '']);
  assert.equal(await outcomeOf((await world.connect('quiet')).open(STREAM, KNOWN)), 'served');
  await world.clock.advance(seconds(1));
  await eventually('it is closed, unheard', () => banned.closed);
  assert.equal(banned.heard, '');
  await world.clock.advance(seconds(3));
  assert.equal(await outcomeOf((await world.connect('noisy')).open(STREAM, KNOWN)), 'served');
});

test('a drain waits neither for refusals nor for those who are kept waiting', async (t) => {
  await using world = await World.start(t, { newCallsPerSecond: 0.001, newCallsBurst: 1, maxRefusalsHeld: 2 });
  const noisy = await world.connect('noisy');
  for (let number = 0; number < 4; number++) noisy.open(STREAM, KNOWN).resume();
  await eventually('the refusals are held', () => world.server.refused.length === 3);
  const banned = await RawPeer.connect(world.server.path);
  await banned.taken();
  const drained = world.server.listener.drain(seconds(600));
  // For what has been said to whoever does not close.
  await world.clock.advance(seconds(2));
  await drained;
  await eventually('all are gone', () => banned.closed && noisy.session.destroyed);
  assert.equal(world.clock.sleeping, 0);
});

test('a peer with too many connections gives up its own, those of strangers and idle ones first', async (t) => {
  await using world = await World.start(t, { maxConnectionsPerPeer: 2 });
  const quiet = await world.connect('quiet');
  const stranger = await world.connect('noisy');
  stranger
    .open(STREAM)
    .resume()
    .write(frameMessage(Buffer.from('hello')));
  const busy = await world.connect('noisy');
  assert.equal(await outcomeOf(busy.open(STREAM, KNOWN)), 'served');
  const second = await world.connect('noisy');
  await eventually('the stranger has gone', () => stranger.session.destroyed);
  assert.equal(await outcomeOf(second.open(STREAM, KNOWN)), 'served');
  const late = await world.connect('noisy');
  await eventually('the newcomer is closed', () => late.session.destroyed);
  assert.deepEqual(
    [busy, second, quiet].map(({ session }) => session.destroyed),
    [false, false, false],
  );
  assert.deepEqual(world.server.refused, ['connections_per_peer', 'connections_per_peer']);
});

test('a peer that sends without end is listened to at its rate, nothing is lost, and the others are not kept waiting', async (t) => {
  await using world = await World.start(t, { messagesPerSecond: 10, messagesBurst: 20 });
  const noisy = (await world.connect('noisy')).open(STREAM, KNOWN).resume();
  const flood = Buffer.concat(Array.from({ length: 50 }, () => frameMessage(Buffer.from('x'))));
  noisy.write(flood);
  await eventually('the burst is heard', () => world.server.received === 21);
  assert.equal(await outcomeOf((await world.connect('quiet')).open(STREAM, KNOWN)), 'served');
  assert.equal(world.server.received, 22);
  await world.clock.advance(seconds(1));
  assert.equal(world.server.received, 32);
  noisy.end();
  await world.clock.advance(seconds(2));
  assert.equal(world.server.received, 51);
  await eventually('it ends as it should', () => world.server.open === 1);
});

test('a peer is not called too slow for what is not read of it', async (t) => {
  await using world = await World.start(t, { messagesPerSecond: 0.01, messagesBurst: 1 });
  const stream = (await world.connect('noisy')).open(STREAM, KNOWN).resume();
  const message = frameMessage(Buffer.from('hello'));
  for (let number = 0; number < 3; number++) stream.write(message);
  stream.write(message.subarray(0, 3));
  await eventually('the first is heard', () => world.server.received === 2);
  await world.clock.advance(seconds(99));
  assert.equal(world.server.open, 1);
  await world.clock.advance(seconds(101));
  assert.equal(world.server.received, 3);
  assert.equal(world.server.open, 1);
});
