import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { AcceptedProcess, Attestation } from '../../src/core/peer-attestor.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { GrpcClient } from '../../src/transport/grpc-client.ts';
import { EchoServer } from './echo-server.ts';
import { eventually } from './eventually.ts';
import { RawPeer } from './raw-peer.ts';

const POD = 'bd445127-8720-434d-b38c-d308e9ff9b59';
const onLinux = { skip: process.platform !== 'linux' && 'needs Linux' };

/** Says what it is told to say, and keeps what it was asked. */
class Oracle {
  answer: Attestation = { kind: 'pod', podUid: POD };
  readonly asked: AcceptedProcess[] = [];

  attest(accepted: AcceptedProcess): Attestation {
    this.asked.push(accepted);
    return this.answer;
  }
}

/** How many pidfds this process holds. */
function pidfds(): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return /pidfd/.test(readlinkSync(`/proc/self/fd/${descriptor}`));
    } catch {
      return false;
    }
  }).length;
}

test('a peer is attested when its connection is accepted, before it has said anything', onLinux, async () => {
  const oracle = new Oracle();
  await using server = await EchoServer.start(systemClock, {}, { attestor: oracle });
  using _peer = await RawPeer.connect(server.path);
  await eventually('the attestor is asked', () => oracle.asked.length === 1);
  const [{ pid, pidfd } = {}] = oracle.asked;
  assert.equal(pid, process.pid);
  assert.ok(typeof pidfd === 'number' || pidfd === 'unsupported', `pidfd ${pidfd}`);
});

test('every call on a connection has what was found out then, over gRPC and over HTTP', onLinux, async () => {
  const oracle = new Oracle();
  await using server = await EchoServer.start(systemClock, {}, { attestor: oracle });
  await using client = await GrpcClient.connect(server.path);
  await client.unary('/test.Echo/Unary', {}, Buffer.from('a'));
  oracle.answer = { kind: 'no-pod' };
  await client.unary('/test.Echo/Unary', {}, Buffer.from('b'));
  const stream = client.stream('/test.Echo/Stream', {});
  stream.send(Buffer.from('c'));
  await stream[Symbol.asyncIterator]().next();
  using http = await RawPeer.connect(server.path);
  http.say('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nd');
  await eventually('it is answered', () => http.heard.endsWith('d'));
  const pod = { kind: 'pod', podUid: POD };
  assert.deepEqual(
    server.calls.map(({ peer }) => peer?.attestation),
    [pod, pod, pod, { kind: 'no-pod' }],
  );
  assert.equal(oracle.asked.length, 2);
});

test('nothing that a peer sends sets what is known of it', onLinux, async () => {
  const oracle = new Oracle();
  oracle.answer = { kind: 'no-pod' };
  await using server = await EchoServer.start(systemClock, {}, { attestor: oracle });
  const forged = JSON.stringify({ pid: 1, uid: 0, gid: 0, attestation: { kind: 'pod', podUid: POD } });
  const names = ['peer', 'x-peer', 'attestation', 'peer-attestation', 'pod-uid', 'x-pod-uid', 'podUid', 'pid', 'uid'];
  const internal = ['__proto__', 'constructor', 'connectionid', 'x-forwarded-client-cert', 'forwarded', 'x-real-pid'];
  const headers = Object.fromEntries([...names, ...internal].map((name) => [name.toLowerCase(), forged]));
  await using client = await GrpcClient.connect(server.path);
  await client.unary('/test.Echo/Unary', headers, Buffer.from('a'));
  using http = await RawPeer.connect(server.path);
  const lines = [...names, ...internal].map((name) => `${name}: ${forged}\r\n`).join('');
  http.say(`POST /echo HTTP/1.1\r\nhost: x\r\n${lines}content-length: 1\r\n\r\nd`);
  await eventually('it is answered', () => http.heard.endsWith('d'));
  assert.equal(server.calls.length, 2);
  for (const { peer } of server.calls) {
    const { pid, uid, gid } = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
    assert.deepEqual(peer, { pid, uid, gid, attestation: { kind: 'no-pod' } });
  }
});

test('no pidfd is left open, whatever becomes of the connection', onLinux, async () => {
  const oracle = new Oracle();
  const before = pidfds();
  await using server = await EchoServer.start(systemClock, { maxConnections: 5 }, { attestor: oracle });
  const peers = await Promise.all(Array.from({ length: 20 }, () => RawPeer.connect(server.path)));
  await eventually('all are accepted', () => oracle.asked.length === 20);
  assert.equal(pidfds(), before);
  for (const peer of peers) peer[Symbol.dispose]();
});

test('without an attestor nobody is asked, and who is connected is known all the same', onLinux, async () => {
  await using server = await EchoServer.start();
  await using client = await GrpcClient.connect(server.path);
  await client.unary('/test.Echo/Unary', {}, Buffer.from('a'));
  assert.deepEqual(server.calls[0]?.peer, { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
});
