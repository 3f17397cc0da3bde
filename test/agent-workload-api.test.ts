import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { AgentError } from '../src/core/agent-error.ts';
import { parseSpiffeId } from '../src/core/spiffe-id.ts';
import { JWTSVIDRequest, JWTSVIDResponse, X509SVIDResponse } from '../src/gen/spiffe/workload.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { frameMessage } from '../src/transport/frame-message.ts';
import { GrpcClient } from '../src/transport/grpc-client.ts';
import { AgentWorld, SecretStream } from './agent-world.ts';
import { MemoryCa } from './fakes/memory-ca.ts';
import { HEADERS, NO_BYTES, next, SVIDS, svidStream } from './workload-api/svid-stream.ts';

const WEB = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
const { uid } = userInfo();

/** An agent whose Workload API knows one user. */
function start(options: Parameters<typeof AgentWorld.start>[0] = {}, user = uid): Promise<AgentWorld> {
  return AgentWorld.start({
    ...options,
    env: { WORKLOAD_API_UIDS: `${user}=${WEB}`, ...options.env },
    places: (directory) => ({ WORKLOAD_API_UDS_PATH: socketIn(directory) }),
  });
}

const socketIn = (directory: string): string => join(directory, 'sds', 'workload.sock');

test('a whole agent gives a process its SVID by its user alone, and pushes the next one', async () => {
  await using world = await start();
  await using client = await GrpcClient.connect(socketIn(world.directory));
  const stream = svidStream(client);
  const first = await next(stream);
  assert.equal(first.svids[0]?.spiffeId, WEB);
  await world.agent.rotate({ spiffeId: WEB }, AbortSignal.timeout(5000));
  const second = await next(stream);
  assert.notDeepEqual(second.svids[0]?.x509Svid, first.svids[0]?.x509Svid);
  assert.equal(world.agent.status().identities[0]?.streams, 1);
});

test('grpc-js: streams, calls and statuses are those that a client expects', async () => {
  await using world = await start();
  const client = new Client(`unix:${socketIn(world.directory)}`, credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const fetchJwt = (spiffeId: string, given = metadata): Promise<JWTSVIDResponse> =>
    new Promise((resolve, reject) => {
      const request = Buffer.from(JWTSVIDRequest.encode({ audience: ['reports'], spiffeId }).finish());
      const options = { deadline: Date.now() + 20_000 };
      client.makeUnaryRequest(
        '/SpiffeWorkloadAPI/FetchJWTSVID',
        asIs,
        asIs,
        request,
        given,
        options,
        (error, answer) =>
          error === null && answer !== undefined ? resolve(JWTSVIDResponse.decode(answer)) : reject(error),
      );
    });
  const failsWith = (code: status) => (error: ServiceError) => error.code === code;
  assert.equal((await fetchJwt('')).svids[0]?.spiffeId, WEB);
  await assert.rejects(fetchJwt('spiffe://cluster.local/ns/shop/sa/admin'), failsWith(status.PERMISSION_DENIED));
  await assert.rejects(fetchJwt('', new Metadata()), failsWith(status.INVALID_ARGUMENT));
  const stream = client.makeServerStreamRequest(SVIDS, asIs, asIs, NO_BYTES, metadata);
  for await (const message of stream) {
    assert.equal(X509SVIDResponse.decode(message).svids[0]?.spiffeId, WEB);
    break;
  }
  client.close();
});

test('another user is nobody: PERMISSION_DENIED, one line in the log, and nothing is asked of the CA', async () => {
  const ca = await MemoryCa.create(systemClock);
  await using world = await start({ ca: { provider: ca } }, uid + 1);
  await using client = await GrpcClient.connect(socketIn(world.directory));
  for (let times = 0; times < 20; times++) {
    await assert.rejects(svidStream(client).next(), { status: 'PERMISSION_DENIED' });
  }
  assert.equal(ca.requests.length, 0);
  const refusals = world.log.events.filter(({ message }) => message === 'a caller was refused');
  assert.ok(refusals.length < 20);
  const { uid: refused } = refusals[0]?.fields ?? {};
  assert.equal(refused, uid);
});

test('while the CA is down a stream ends UNAVAILABLE, and the one that comes after has its SVID', async () => {
  const ca = await MemoryCa.create(systemClock);
  ca.failWith(new AgentError('ca-unavailable', 'the CA is down'));
  await using world = await start({ ca: { provider: ca } });
  await using client = await GrpcClient.connect(socketIn(world.directory));
  await assert.rejects(svidStream(client).next(), { status: 'UNAVAILABLE' });
  ca.failWith(undefined);
  await world.until(() => world.agent.status().identities[0]?.state === 'ready');
  assert.equal((await next(svidStream(client))).svids[0]?.spiffeId, WEB);
});

test('without an embedded CA the JWT part is UNIMPLEMENTED', async () => {
  await using world = await start({ ca: { provider: await MemoryCa.create(systemClock) } });
  await using client = await GrpcClient.connect(socketIn(world.directory));
  for (const method of ['FetchJWTSVID', 'FetchJWTBundles', 'ValidateJWTSVID', 'FetchWITSVID']) {
    const answer = client.unary(`/SpiffeWorkloadAPI/${method}`, HEADERS, NO_BYTES);
    await assert.rejects(answer, { status: 'UNIMPLEMENTED' });
  }
});

test('a thousand streams are each told of a rotation, beside one that never reads', async () => {
  await using world = await start();
  await using client = await GrpcClient.connect(socketIn(world.directory));
  const deaf = await openDeafStream(socketIn(world.directory));
  const streams = Array.from({ length: 1000 }, () => svidStream(client));
  await Promise.all(streams.map(next));
  for (let times = 0; times < 5; times++) {
    await world.agent.rotate({ spiffeId: WEB }, AbortSignal.timeout(20_000));
    const answers = await Promise.all(streams.map(next));
    assert.equal(new Set(answers.map(({ svids }) => svids[0]?.x509Svid.toString('hex'))).size, 1);
  }
  assert.ok(!deaf.closed);
  assert.equal(world.agent.status().identities[0]?.streams, 1001);
  deaf.destroy();
  await world.until(() => world.agent.status().identities[0]?.streams === 1000);
});

/** A stream whose client opens no window for what it asked for. */
async function openDeafStream(path: string): Promise<ReturnType<typeof connect>> {
  const settings = { initialWindowSize: 0 };
  const session = connect('http://localhost', { createConnection: () => connectSocket(path), settings });
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': SVIDS,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...HEADERS,
  });
  stream.on('error', () => {});
  stream.end(frameMessage(NO_BYTES));
  await new Promise((resolve) => stream.once('response', resolve));
  return session;
}

test('a request beyond 64 KiB is refused, and the next one is served', async () => {
  await using world = await start();
  await using client = await GrpcClient.connect(socketIn(world.directory));
  const audience = Array.from({ length: 200 }, (_, index) => String(index).padEnd(2048, 'x'));
  const request = JWTSVIDRequest.encode({ audience, spiffeId: '' }).finish();
  const answer = client.unary('/SpiffeWorkloadAPI/FetchJWTSVID', HEADERS, request);
  await assert.rejects(answer, { status: 'RESOURCE_EXHAUSTED' });
  await next(svidStream(client));
});

test('a stop ends streams with UNAVAILABLE and takes the socket away', async () => {
  await using world = await start();
  await using client = await GrpcClient.connect(socketIn(world.directory));
  const stream = svidStream(client);
  await next(stream);
  await world.stop();
  await assert.rejects(stream.next(), { status: 'UNAVAILABLE' });
  assert.ok(!existsSync(socketIn(world.directory)));
});

test('the socket has the permissions of its setting, and an Envoy of the same identity is served the same certificate', async () => {
  await using world = await start({ env: { WORKLOAD_API_UDS_MODE: '0640' } });
  assert.equal((await stat(socketIn(world.directory))).mode & 0o777, 0o640);
  await using client = await GrpcClient.connect(socketIn(world.directory));
  await next(svidStream(client));
  await using envoy = await world.connect();
  await new SecretStream(envoy, await world.token(), ['default']).next();
  assert.equal(world.agent.status().identities.length, 1);
});

test('metrics count requests by how they went; no key and no JWT-SVID is in a log, a metric or a page', async () => {
  await using world = await start();
  await using client = await GrpcClient.connect(socketIn(world.directory));
  await next(svidStream(client));
  const request = JWTSVIDRequest.encode({ audience: ['reports'], spiffeId: '' }).finish();
  const answer = await client.unary('/SpiffeWorkloadAPI/FetchJWTSVID', HEADERS, request);
  const token = JWTSVIDResponse.decode(answer).svids[0]?.svid ?? '';
  const urls = [
    `http://127.0.0.1:${world.port('monitoring listens')}/metrics`,
    `http://127.0.0.1:${world.port('the status page listens')}/api/status`,
  ];
  const [metrics = '', ...pages] = await Promise.all(urls.map(async (url) => (await fetch(url)).text()));
  assert.match(metrics, /^sds_agent_workload_api_requests_total\{method="FetchX509SVID",result="ok"\} 1$/m);
  assert.match(metrics, /^sds_agent_workload_api_requests_total\{method="FetchJWTSVID",result="ok"\} 1$/m);
  assert.match(metrics, /^sds_agent_workload_api_streams 1$/m);
  const everything = [metrics, ...pages, JSON.stringify(world.log.events)].join('\n');
  assert.doesNotMatch(everything, /PRIVATE KEY/);
  for (const part of token.split('.')) assert.ok(!everything.includes(part));
});
