import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ChannelCredentials, Client, type ServiceError, status } from '@grpc/grpc-js';
import { loadEmbeddedProvider } from '../src/ca-providers/embedded/load-embedded-provider.ts';
import { dispatch } from '../src/cli/dispatch.ts';
import { parseSpiffeId } from '../src/core/spiffe-id.ts';
import { HealthCheckRequest, HealthCheckResponse } from '../src/gen/grpc/health.ts';
import { parseCertificate } from '../src/keys/certificate.ts';
import { createCsr } from '../src/keys/csr.ts';
import { createKeyPair } from '../src/keys/key-pair.ts';
import { parsePem, toPem } from '../src/keys/pem.ts';
import { verifyIssuance } from '../src/keys/verify-issuance.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { CaWorld, CREATE_CERTIFICATE, splitChain, unary, WEB } from './ca-world.ts';
import { RecordingIo } from './cli/recording-io.ts';
import { days, FakeClock, hours, minutes, seconds, settle } from './fakes/fake-clock.ts';
import { KubernetesApi } from './fakes/kubernetes-api.ts';
import { createLoopbackCertificate } from './identity/loopback-certificate.ts';

const ADMIN = parseSpiffeId('spiffe://cluster.local/ns/kube-system/sa/admin');
const never = new AbortController().signal;

const fails =
  (code: status, details = /./) =>
  (error: ServiceError): boolean => {
    assert.equal(error.code, code, error.details);
    assert.match(error.details, details);
    return true;
  };

async function newCsr(bits?: number): Promise<string> {
  const keyPair = await createKeyPair(
    bits === undefined ? { algorithm: 'ecdsa', curve: 'P256' } : { algorithm: 'rsa', bits },
  );
  return toPem('CERTIFICATE REQUEST', createCsr(keyPair, WEB));
}

test('a caller with a token gets a chain for its own identity and key, the root last', async () => {
  await using world = await CaWorld.start();
  const { chain, keyPair } = await world.ask(await world.connect());
  assert.equal(chain.length, 3);
  const { signed, roots } = splitChain(chain);
  assert.deepEqual(roots, parsePem(await world.rootPem(), 'CERTIFICATE'));
  const { publicKeyDer } = keyPair;
  verifyIssuance({ chain: signed, roots, spiffeId: WEB, publicKeyDer, nowMs: systemClock.now() });
});

test('a CA in a cluster tells its root in a config map, also when the API server comes later', async () => {
  const clock = new FakeClock();
  await using api = await KubernetesApi.start({ clock });
  await using world = await CaWorld.start({
    clock,
    rootConfigMap: { namespace: 'sds-system', name: 'roots' },
    prepare: async (directory) => {
      const tokenFile = join(directory, 'token');
      await writeFile(tokenFile, api.agentToken());
      await api.close();
      return { env: { KUBERNETES_API_SERVER: api.url, KUBERNETES_API_TOKEN_FILE: tokenFile } };
    },
  });
  assert.equal(api.store('configmaps').values().length, 0);
  await api.listen();
  const data = (): unknown => api.store('configmaps').get('sds-system', 'roots')?.data;
  await world.until(
    () => data() !== undefined,
    () => clock.advance(seconds(2)),
  );
  assert.deepEqual(data(), { 'root-cert.pem': await world.rootPem() });
});

test('names in the CSR count for nothing', async () => {
  await using world = await CaWorld.start();
  const { chain } = await world.ask(await world.connect(), {}, ADMIN);
  const [leaf = new Uint8Array()] = splitChain(chain).signed;
  assert.deepEqual(parseCertificate(leaf).subjectAltNames, [{ kind: 'uri', value: WEB }]);
});

for (const [name, metadataOf, details] of [
  ['no token', async () => ({}), /no token/],
  ['no token but one in another word', async () => ({ authorization: 'Basic d2ViOndlYg==' }), /./],
  ['garbage for a token', async () => ({ authorization: 'Bearer garbage' }), /./],
  [
    'a token of another issuer',
    async () => {
      await using other = await CaWorld.start();
      return { authorization: `Bearer ${await other.token()}` };
    },
    /not accepted/,
  ],
  [
    'a token for another audience',
    async (world: CaWorld) => ({ authorization: `Bearer ${await world.token('web', { audience: 'vault' })}` }),
    /audience/,
  ],
  [
    'a token that has expired',
    async (world: CaWorld) => ({ authorization: `Bearer ${await world.token('web', { ttlMs: -1000 })}` }),
    /expired/,
  ],
] as const) {
  test(`${name} is UNAUTHENTICATED, whatever is asked for`, async () => {
    await using world = await CaWorld.start();
    const client = await world.connect();
    const metadata = await metadataOf(world);
    await assert.rejects(world.ask(client, { metadata }), fails(status.UNAUTHENTICATED, details));
    await assert.rejects(world.ask(client, { metadata, csr: 'garbage' }), fails(status.UNAUTHENTICATED, details));
    const { peer } = world.logged('a caller was refused');
    assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
  });
}

for (const [name, csrOf] of [
  ['no CSR', async () => ''],
  ['a CSR that is no PEM', async () => 'garbage'],
  ['a CSR that is PEM of garbage', async () => toPem('CERTIFICATE REQUEST', Buffer.from('garbage'))],
  ['a certificate for a CSR', async () => (await createLoopbackCertificate()).cert],
  ['two CSRs', async () => `${await newCsr()}${await newCsr()}`],
  ['a CSR of a weak key', async () => newCsr(1024)],
  [
    'a CSR that another key has signed',
    async () => {
      const [der = new Uint8Array()] = parsePem(await newCsr(), 'CERTIFICATE REQUEST');
      const changed = Buffer.from(der);
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      return toPem('CERTIFICATE REQUEST', changed);
    },
  ],
] as const) {
  test(`${name} is INVALID_ARGUMENT, and neither it nor the token is logged`, async () => {
    await using world = await CaWorld.start();
    const token = await world.token();
    const csr = await csrOf();
    const metadata = { authorization: `Bearer ${token}` };
    await assert.rejects(world.ask(await world.connect(), { metadata, csr }), fails(status.INVALID_ARGUMENT));
    const logged = JSON.stringify(world.log.events);
    for (const secret of token.split('.')) assert.ok(!logged.includes(secret));
    if (csr.length > 100) assert.ok(!logged.includes(csr.slice(60, 90)));
  });
}

test('what is no message of the API, or too large, or another method, is refused by its name', async () => {
  await using world = await CaWorld.start();
  const client = await world.connect();
  const metadata = { authorization: `Bearer ${await world.token()}` };
  const garbage = Buffer.from([0x0a, 0xff, 0xff]);
  await assert.rejects(unary(client, CREATE_CERTIFICATE, garbage, metadata), fails(status.INVALID_ARGUMENT));
  const large = Buffer.alloc(64 * 1024 + 1);
  await assert.rejects(unary(client, CREATE_CERTIFICATE, large, metadata), fails(status.RESOURCE_EXHAUSTED));
  const other = '/istio.v1.auth.IstioCertificateService/RevokeCertificate';
  await assert.rejects(unary(client, other, garbage, metadata), fails(status.UNIMPLEMENTED));
  await world.ask(client);
});

for (const [asked, given, why] of [
  [3600, hours(1), 'as asked'],
  [0, minutes(90), 'SECRET_TTL where nothing is asked'],
  [-5, minutes(90), 'SECRET_TTL where nonsense is asked'],
  [1_000_000, hours(2), 'no more than the most'],
] as const) {
  test(`a certificate that is to live ${asked} s lives ${given / 1000} s: ${why}`, async () => {
    await using world = await CaWorld.start({ env: { SECRET_TTL: '90m' }, maxTtlMs: hours(2) });
    const beforeMs = systemClock.now();
    const { chain } = await world.ask(await world.connect(), { seconds: asked });
    const [leaf = new Uint8Array()] = splitChain(chain).signed;
    const { notAfterMs } = parseCertificate(leaf);
    assert.ok(notAfterMs > beforeMs + given - 1000 && notAfterMs <= systemClock.now() + given, `${notAfterMs}`);
  });
}

test('each issuance is a line in the log and a count in the metrics, and health needs no token', async () => {
  await using world = await CaWorld.start();
  const client = await world.connect();
  const { chain } = await world.ask(client);
  const [leaf = new Uint8Array()] = splitChain(chain).signed;
  const { spiffeId, serial, peer } = world.logged('a certificate was issued');
  assert.deepEqual([spiffeId, serial], [WEB, parseCertificate(leaf).serial]);
  assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
  const monitoring = `http://127.0.0.1:${world.port('monitoring listens')}`;
  assert.equal((await fetch(`${monitoring}/healthz/ready`)).status, 200);
  const metrics = await (await fetch(`${monitoring}/metrics`)).text();
  assert.match(metrics, /sds_agent_ca_requests_total\{provider="Embedded",operation="sign",result="ok"\} 1/);
  assert.match(metrics, /sds_agent_bundle_roots 1/);
  const service = HealthCheckRequest.encode({ service: 'istio.v1.auth.IstioCertificateService' }).finish();
  const answer = await unary(client, '/grpc.health.v1.Health/Check', Buffer.from(service));
  assert.equal(HealthCheckResponse.decode(answer).status, 1);
});

test('who trusts another CA does not talk to this one', async () => {
  await using world = await CaWorld.start();
  const { cert } = await createLoopbackCertificate();
  const client = await world.connect(cert);
  const options = new Promise((_resolve, reject) => client.waitForReady(Date.now() + 1000, reject));
  await assert.rejects(options, /deadline/i);
});

test('on a unix socket it is served without TLS', async () => {
  await using world = await CaWorld.start({
    prepare: async (directory) => ({ endpoint: { kind: 'unix', path: join(directory, 'ca.sock') } }),
  });
  const client = new Client(`unix:${join(world.directory, 'ca.sock')}`, ChannelCredentials.createInsecure());
  assert.equal((await world.ask(client)).chain.length, 3);
  client.close();
  const { pid } = world.logged('a certificate was issued');
  assert.equal(pid, process.platform === 'linux' ? process.pid : undefined);
});

test('the certificate of files is shown, a pair that is none is told of and not shown, and the next good one is', async () => {
  const clock = new FakeClock(Date.now());
  const first = await createLoopbackCertificate();
  const second = await createLoopbackCertificate();
  const write = async (directory: string, { cert, key }: { cert: string; key: string }) => {
    await writeFile(join(directory, 'tls.pem'), cert);
    await writeFile(join(directory, 'tls.key'), key);
  };
  await using world = await CaWorld.start({
    clock,
    prepare: async (directory) => {
      await write(directory, first);
      const certificate = { certificateFile: join(directory, 'tls.pem'), keyFile: join(directory, 'tls.key') };
      return { endpoint: { kind: 'tls', host: '127.0.0.1', port: 0, certificate } };
    },
  });
  const open = await world.connect(first.cert);
  await world.ask(open);
  await write(world.directory, { ...second, cert: first.cert });
  const told = () => world.log.events.filter(({ level }) => level === 'warn').length;
  await clock.advance(seconds(30));
  await world.until(() => told() === 1);
  await world.ask(await world.connect(first.cert));
  await write(world.directory, second);
  await clock.advance(seconds(10));
  await world.until(() => world.log.events.filter(({ message }) => /certificate of a file/.test(message)).length === 2);
  await world.ask(await world.connect(second.cert));
  await world.ask(open);
  assert.equal(told(), 1);
});

test('a CA that has expired is not ready any more', async () => {
  const clock = new FakeClock(Date.now());
  await using world = await CaWorld.start({ clock });
  await world.until(() => world.server.status().unready.length === 0);
  await clock.step(days(3651));
  await clock.advance(seconds(10));
  await world.until(() => /^ca: /.test(world.server.status().unready[0] ?? ''));
});

test('files that are not there keep it from starting, and are named', async () => {
  const certificate = { certificateFile: '/nowhere/tls.pem', keyFile: '/nowhere/tls.key' };
  const endpoint = { kind: 'tls', host: '127.0.0.1', port: 0, certificate } as const;
  await assert.rejects(CaWorld.startAndStop({ endpoint }), {
    code: 'settings-invalid',
    message: /--tls-cert.*\/nowhere\/tls.pem/,
  });
});

test('a verifier that this build lacks keeps it from starting, and no keys are left behind', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sds-none-'));
  const stateDir = join(directory, 'state');
  const start = CaWorld.startAndStop({ env: { STATE_DIR: stateDir, TOKEN_VERIFIER: 'kubernetes' } });
  await assert.rejects(start, { code: 'settings-invalid' });
  assert.ok(!existsSync(stateDir));
  await rm(directory, { recursive: true });
});

test('a policy, which it would not follow, keeps it from starting', async () => {
  const start = CaWorld.start({ env: { POLICY_FILE: '/etc/policy.json' } });
  await assert.rejects(start, { code: 'settings-invalid', message: /POLICY_FILE is for run/ });
});

test('its own certificate is renewed when half of its life is over', async () => {
  // Begun in the past, so that the new one is valid by the real clock of the client.
  const clock = new FakeClock(Date.now() - hours(18));
  await using world = await CaWorld.start({ clock });
  await world.ask(await world.connect());
  const renewals = () =>
    world.log.events.filter(({ message }) => message === 'the server has a new certificate').length;
  await clock.advance(hours(11));
  assert.equal(renewals(), 1);
  await clock.advance(hours(1));
  await world.until(
    () => renewals() === 2,
    () => clock.advance(seconds(10)),
  );
  await world.ask(await world.connect());
});

test('while another process replaces the root, callers learn both before the new one signs', async () => {
  const clock = new FakeClock(Date.now());
  await using world = await CaWorld.start({ clock });
  const { stateDir } = world;
  const other = await loadEmbeddedProvider({ stateDir, trustDomain: 'cluster.local', clock, log: world.log });
  const before = splitChain((await world.ask(await world.connect())).chain).roots;
  const look = async (roots: number) => {
    await clock.advance(seconds(10));
    await world.until(() => world.server.status().bundles[0]?.roots === roots);
    const { signed, roots: told } = splitChain((await world.ask(await world.connect())).chain);
    assert.equal(told.length, roots);
    const { publicKeyDer } = parseCertificate(signed[0] ?? new Uint8Array());
    // The first one alone verifies the chain: so it does for clients that look at no other.
    const first = told.slice(0, 1);
    verifyIssuance({ chain: signed, roots: first, spiffeId: WEB, publicKeyDer, nowMs: clock.now() });
    return first;
  };
  assert.deepEqual(await look(1), before);
  await other.stageRoot(never);
  assert.deepEqual(await look(2), before);
  await other.switchRoot(never);
  const after = await look(2);
  assert.notDeepEqual(after, before);
  await other.retireRoot(never);
  assert.deepEqual(await look(1), after);
  assert.deepEqual(parsePem(await world.rootPem(), 'CERTIFICATE'), after);
});

test('rotate --root replaces the root when everybody has had the time to ask again, rotate alone is refused', async () => {
  const clock = new FakeClock(Date.now());
  await using world = await CaWorld.start({ clock, maxTtlMs: hours(1) });
  const io = new RecordingIo();
  const socket = ['--admin-socket', join(world.directory, 'admin', 'ca.sock')];
  assert.equal(await dispatch(['rotate', ...socket], io), 69);
  assert.match(io.err, /a CA renews nothing by itself/);
  const before = await world.rootPem();
  let ended = false;
  const replaced = dispatch(['rotate', '--root', ...socket], io).finally(() => {
    ended = true;
  });
  await world.until(
    () => ended,
    () => clock.advance(minutes(1)),
  );
  assert.equal(await replaced, 0, io.err);
  assert.match(io.err, /waiting until every agent has been told both roots/);
  await world.until(
    () => world.server.status().bundles[0]?.roots === 1,
    () => clock.advance(seconds(10)),
  );
  assert.notEqual(await world.rootPem(), before);
});

/** An issuer's keys behind HTTP, given out when it is released: until then every verification waits. */
async function serveKeysLater(t: TestContext): Promise<{ url: string; keys: string; release: () => void }> {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const later = { url: '', keys: '', release };
  const server = createServer((_request, response) => void released.then(() => response.end(later.keys)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  later.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/keys`;
  return later;
}

test('a storm is answered up to what is bearable, the rest is told to come later, and then all is well', async (t) => {
  const issuer = await serveKeysLater(t);
  await using world = await CaWorld.start({ env: { TOKEN_VERIFIER: 'jwks', TOKEN_JWKS: issuer.url } });
  issuer.keys = (await world.issuer()).jwks;
  const clients = await Promise.all(Array.from({ length: 4 }, () => world.connect()));
  const metadata = { authorization: `Bearer ${await world.token()}` };
  const asked = clients.flatMap((client) => Array.from({ length: 100 }, () => world.ask(client, { metadata })));
  const refused: ServiceError[] = [];
  const settled = Promise.all(asked.map((answer) => answer.catch((error: ServiceError) => void refused.push(error))));
  await world.until(() => refused.length >= 400 - 256);
  issuer.release();
  const answers = await settled;
  assert.equal(answers.filter((answer) => answer !== undefined).length, 256);
  for (const error of refused) assert.equal(error.code, status.RESOURCE_EXHAUSTED);
  assert.equal((await world.ask(clients[0] ?? (await world.connect()), { metadata })).chain.length, 3);
});

test('a stop lets a call end that is being answered, and the port is free then', async (t) => {
  const issuer = await serveKeysLater(t);
  await using world = await CaWorld.start({ env: { TOKEN_VERIFIER: 'jwks', TOKEN_JWKS: issuer.url } });
  issuer.keys = (await world.issuer()).jwks;
  const client = await world.connect();
  const metadata = { authorization: `Bearer ${await world.token()}` };
  const asked = world.ask(client, { metadata });
  await settle();
  // On the same connection, so what was sent before it has arrived.
  const health = Buffer.from(HealthCheckRequest.encode({ service: '' }).finish());
  await unary(client, '/grpc.health.v1.Health/Check', health);
  const stopped = world.stop();
  issuer.release();
  assert.equal((await asked).chain.length, 3);
  await stopped;
  await assert.rejects(fetch(`http://127.0.0.1:${world.port('the CA serves')}/`));
});

test('strangers with as many connections and open calls as there are places keep no agent out', async (t) => {
  await using world = await CaWorld.start();
  const agent = await world.connect();
  await world.ask(agent);
  const roots = await world.rootPem();
  const port = world.port('the CA serves');
  const strangers = await Promise.all(Array.from({ length: 600 }, () => stranger(t, port, roots)));
  const gone = () => strangers.filter(({ destroyed }) => destroyed).length;
  await world.until(() => gone() === 101);
  await world.ask(await world.connect());
  await world.ask(agent);
  await world.until(() => gone() === 102);
  assert.equal(world.server.status().connections, 500);
});

test('a call without a token is refused before its message is there', async (t) => {
  await using world = await CaWorld.start();
  const session = await stranger(t, world.port('the CA serves'), await world.rootPem());
  const half = session.request({ ':method': 'POST', ':path': CREATE_CERTIFICATE, 'content-type': 'application/grpc' });
  half.on('error', () => undefined);
  half.write(Buffer.from([0, 0, 0]));
  const [headers] = await once(half, 'response');
  assert.equal(headers['grpc-status'], '16');
});

/** A connection that shows no token, with a watch of the server's health and a call without its message. */
async function stranger(t: TestContext, port: number, roots: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://localhost:${port}`, { ca: roots });
  t.after(() => session.destroy());
  session.on('error', () => undefined);
  const usual = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
  const watch = session.request({ ...usual, ':path': '/grpc.health.v1.Health/Watch' });
  const half = session.request({ ...usual, ':path': '/grpc.health.v1.Health/Check' });
  for (const stream of [watch, half]) stream.on('error', () => undefined).resume();
  watch.write(Buffer.alloc(5));
  half.write(Buffer.from([0]));
  await Promise.race([once(watch, 'response'), once(session, 'close')]);
  return session;
}
