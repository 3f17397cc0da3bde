import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentError } from '../src/core/agent-error.ts';
import { parseSpiffeId } from '../src/core/spiffe-id.ts';
import { DiscoveryResponse } from '../src/gen/xds/discovery.ts';
import { Secret } from '../src/gen/xds/secret.ts';
import { loadDevelopmentIssuer } from '../src/identity/development-issuer.ts';
import { parseCertificate } from '../src/keys/certificate.ts';
import { parsePem } from '../src/keys/pem.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { AgentWorld, encodeRequest, FETCH_SECRETS, SecretStream } from './agent-world.ts';
import { seconds } from './fakes/fake-clock.ts';
import { MemoryCa } from './fakes/memory-ca.ts';

const WEB = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');

function leafOf(response: DiscoveryResponse): ReturnType<typeof parseCertificate> {
  const [resource] = response.resources;
  assert.ok(resource);
  const chain = Secret.decode(resource.value).tlsCertificate?.certificateChain?.inlineBytes.toString() ?? '';
  const [leaf] = parsePem(chain, 'CERTIFICATE');
  assert.ok(leaf);
  return parseCertificate(leaf);
}

test('a token and a name are enough to get a certificate, and a rotation is pushed', async () => {
  await using world = await AgentWorld.start();
  await using client = await world.connect();
  const stream = new SecretStream(client, await world.token(), ['default']);
  const first = leafOf(await stream.next());
  assert.deepEqual(first.uriSans, [WEB]);
  const [rotated] = await world.agent.rotate({ spiffeId: WEB }, AbortSignal.timeout(5000));
  assert.equal(rotated, WEB);
  const second = leafOf(await stream.next());
  assert.notEqual(second.serial, first.serial);
});

test('the agent tells what it holds, and never a key or a token', async () => {
  await using world = await AgentWorld.start();
  await using client = await world.connect();
  const token = await world.token();
  const stream = new SecretStream(client, token, ['default', 'ROOTCA', 'nonsense']);
  await stream.next();
  await world.until(() => world.agent.status().identities[0]?.state === 'ready');
  const status = world.agent.status();
  assert.equal(status.connections, 1);
  assert.equal(status.streams, 1);
  assert.deepEqual(status.pending, [{ name: 'nonsense', streams: 1 }]);
  assert.deepEqual(status.unready, []);
  const port = world.port('monitoring listens');
  const debugPort = world.port('the status page listens');
  const pages = ['/metrics', '/healthz/live', '/healthz/ready'].map((path) => `http://127.0.0.1:${port}${path}`);
  const debug = ['/', '/api/status', '/debug/sds/workload'].map((path) => `http://127.0.0.1:${debugPort}${path}`);
  const texts = await Promise.all([...pages, ...debug].map(async (url) => (await fetch(url)).text()));
  const everything = [...texts, JSON.stringify(status), JSON.stringify(world.log.events)].join('\n');
  assert.doesNotMatch(everything, /PRIVATE KEY/);
  assert.ok(!everything.includes(token));
  assert.ok(!everything.includes(token.split('.')[2] ?? 'x'));
  assert.match(texts[0] ?? '', /sds_agent_streams 1/);
});

test('a stop ends streams with UNAVAILABLE and takes the socket away', async () => {
  await using world = await AgentWorld.start();
  await using client = await world.connect();
  const stream = new SecretStream(client, await world.token(), ['default']);
  await stream.next();
  await world.stop();
  assert.equal((await stream.call.outcome).status, 'UNAVAILABLE');
  assert.ok(!existsSync(world.socket));
});

test('a second agent is refused the socket of a living one, which goes on', async () => {
  await using world = await AgentWorld.start();
  await assert.rejects(AgentWorld.startAndStop({ env: { SDS_UDS_PATH: world.socket } }), { code: 'socket-unusable' });
  await using client = await world.connect();
  leafOf(await new SecretStream(client, await world.token(), ['default']).next());
});

for (const verifiers of ['kubernetes', 'embedded,kubernetes']) {
  test(`a start with TOKEN_VERIFIER=${verifiers} outside a cluster leaves no keys behind`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sds-none-'));
    const stateDir = join(directory, 'state');
    const start = AgentWorld.start({ env: { STATE_DIR: stateDir, TOKEN_VERIFIER: verifiers } });
    await assert.rejects(start, { code: 'settings-invalid', message: /KUBERNETES_API_SERVER is not set/ });
    assert.ok(!existsSync(stateDir));
    await rm(directory, { recursive: true });
  });
}

test('a CA that is out of reach keeps the agent unready, not dead; new streams get what is held', async () => {
  const ca = await MemoryCa.create(systemClock);
  ca.failWith(new AgentError('ca-unavailable', 'the CA is down'));
  await using world = await AgentWorld.start({ ca: { provider: ca } });
  const ready = (): Promise<Response> => fetch(`http://127.0.0.1:${world.port('monitoring listens')}/healthz/ready`);
  const response = await ready();
  assert.equal(response.status, 503);
  assert.match(await response.text(), /^ca: /);
  ca.failWith(undefined);
  await world.until(() => world.agent.status().unready.length === 0);
  assert.equal((await ready()).status, 200);
  await using client = await world.connect();
  const token = await world.token();
  const held = leafOf(await new SecretStream(client, token, ['default']).next());
  ca.failWith(new AgentError('ca-unavailable', 'the CA is down'));
  assert.equal(leafOf(await new SecretStream(client, token, ['default']).next()).serial, held.serial);
});

test('when an outage outlasts a certificate the agent is unready and says so, and the stream gets the next one', async () => {
  const ca = await MemoryCa.create(systemClock);
  ca.lifetimeMs = seconds(3);
  await using world = await AgentWorld.start({ ca: { provider: ca } });
  await using client = await world.connect();
  const stream = new SecretStream(client, await world.token(), ['default']);
  const before = leafOf(await stream.next());
  ca.failWith(new AgentError('ca-unavailable', 'the CA is down'));
  await world.until(() => world.agent.status().identities[0]?.alarm === 'expired');
  assert.deepEqual(world.agent.status().unready, ['secrets: a secret that is served has expired']);
  const metrics = await (await fetch(`http://127.0.0.1:${world.port('monitoring listens')}/metrics`)).text();
  assert.match(metrics, /^sds_agent_overdue_identities\{alarm="expired"\} 1$/m);
  ca.failWith(undefined);
  assert.notEqual(leafOf(await stream.next()).serial, before.serial);
  await world.until(() => world.agent.status().unready.length === 0);
});

test('a root that only the CA can replace is not replaced here', async () => {
  const ca = await MemoryCa.create(systemClock);
  await using world = await AgentWorld.start({ ca: { provider: ca } });
  await assert.rejects(
    world.agent.rotateRoot(() => undefined, AbortSignal.timeout(1000)),
    {
      code: 'request-unimplemented',
    },
  );
});

test('the root is replaced while streams look on: both roots, then new leaves, then the new root alone', async () => {
  await using world = await AgentWorld.start();
  await using client = await world.connect();
  const token = await world.token();
  const bundle = new SecretStream(client, token, ['ROOTCA']);
  const certificate = new SecretStream(client, token, ['default']);
  const rootsIn = ({ resources: [resource] }: DiscoveryResponse): number =>
    parsePem(
      Secret.decode(resource?.value ?? Buffer.alloc(0)).validationContext?.trustedCa?.inlineBytes.toString() ?? '',
      'CERTIFICATE',
    ).length;
  assert.equal(rootsIn(await bundle.next()), 1);
  const before = leafOf(await certificate.next());
  const replaced = world.agent.rotateRoot(() => undefined, AbortSignal.timeout(20_000));
  assert.equal(rootsIn(await bundle.next()), 2);
  const after = leafOf(await certificate.next());
  assert.notDeepEqual(after.issuerDer, before.issuerDer);
  assert.equal(rootsIn(await bundle.next()), 1);
  await replaced;
});

test('a token that expires before its renewal ends one stream of the identity, not all', async () => {
  await using world = await AgentWorld.start({ env: { SECRET_TTL: '4s', SECRET_GRACE_PERIOD_RATIO_JITTER: '0' } });
  await using client = await world.connect();
  const token = await world.token('web', seconds(1));
  const streams = Array.from({ length: 4 }, () => new SecretStream(client, token, ['default']));
  await Promise.all(streams.map((stream) => stream.next()));
  const ended: string[] = [];
  for (const { call } of streams) void call.outcome.then(({ status }) => ended.push(status));
  for (const stream of streams) void stream.next().catch(() => undefined);
  await world.until(() => ended.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(ended, ['UNAVAILABLE']);
});

test('a fetch of what is not there yet is answered when it is, and one without a token is not', async () => {
  await using world = await AgentWorld.start();
  await using client = await world.connect();
  const request = encodeRequest({ resourceNames: ['default'] });
  await assert.rejects(client.unary(FETCH_SECRETS, {}, request), { status: 'UNAUTHENTICATED' });
  const answer = await client.unary(FETCH_SECRETS, { authorization: await world.token() }, request);
  assert.deepEqual(leafOf(DiscoveryResponse.decode(answer)).uriSans, [WEB]);
});

test('without keys to verify tokens the agent is not ready; as soon as they are there, it is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sds-keys-'));
  const keys = join(directory, 'keys.json');
  await using world = await AgentWorld.start({ env: { TOKEN_VERIFIER: 'jwks', TOKEN_JWKS: keys } });
  await world.until(() => world.log.events.some(({ message }) => message === 'tokens cannot be verified yet'));
  assert.match(world.agent.status().unready.join(), /token-verifier/);
  const issuer = await loadDevelopmentIssuer({ stateDir: directory, trustDomain: 'cluster.local', clock: systemClock });
  await writeFile(keys, issuer.jwks);
  await world.until(() => world.agent.status().unready.length === 0);
  await rm(directory, { recursive: true });
});
