import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { constants, createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { OwnedCredentials } from '../../../src/ca-providers/citadel/owned-credentials.ts';
import type { CaProvider } from '../../../src/core/ca-provider.ts';
import { CitadelCa } from '../../fakes/citadel-ca.ts';
import { createLoopbackCertificate } from '../../identity/loopback-certificate.ts';
import { eventually } from '../../transport/eventually.ts';
import { CitadelWorld, loadCitadel, newRequest, TLS } from './citadel-world.ts';

const { signal } = new AbortController();

/** Far less than grpc-js would wait by itself before it tries a server again, and much for a busy machine. */
const PROMPT_MS = 5_000;

async function signs(provider: CaProvider): Promise<void> {
  assert.equal((await provider.sign(await newRequest(), AbortSignal.timeout(PROMPT_MS))).length, 2);
}

/** Where the end of the old connection may not have been noticed yet. */
async function comesToSign(provider: CaProvider): Promise<void> {
  await eventually('it signs', async () => {
    return provider.sign(await newRequest(), signal).then(
      () => true,
      () => false,
    );
  });
}

async function fails(provider: CaProvider, message: RegExp): Promise<void> {
  await assert.rejects(provider.sign(await newRequest(), AbortSignal.timeout(PROMPT_MS)), {
    code: 'ca-unavailable',
    message,
  });
}

describe('TLS', () => {
  test('the name in CA_ADDR is the one that the certificate has to have', async () => {
    await using world = await CitadelWorld.start();
    const address = { CA_ADDR: world.ca.address.replace('127.0.0.1', 'localhost'), CA_SERVER_NAME: '' };
    await signs(await world.load(address));
  });

  test('a certificate for another name is refused, and CA_SERVER_NAME named', async () => {
    await using world = await CitadelWorld.start();
    await fails(await world.load({ CA_SERVER_NAME: '' }), /CA_SERVER_NAME/);
    await fails(await world.load({ CA_SERVER_NAME: 'istiod.istio-system.svc' }), /CA_SERVER_NAME/);
  });

  test('a certificate of an unknown root is refused, and CA_ROOT_CA named', async () => {
    await using world = await CitadelWorld.start();
    await fails(await world.load({ CA_ROOT_CA: '' }), /CA_ROOT_CA/);
    await writeFile(world.rootFile, (await createLoopbackCertificate('elsewhere')).cert);
    await fails(await world.load(), /CA_ROOT_CA/);
  });

  test('a server without TLS is refused, and its port named', async () => {
    await using world = await CitadelWorld.start();
    await using plain = await CitadelCa.start();
    await fails(await world.load({ CA_ADDR: plain.address }), /TLS/);
    assert.equal(plain.requests.length, 0);
  });
});

describe('the file of CA_ROOT_CA', () => {
  test('takes effect when it changes, without a restart', async () => {
    await using world = await CitadelWorld.start();
    const next = await createLoopbackCertificate();
    world.ca.stop();
    await world.ca.listen(next);
    const provider = await world.load();
    await fails(provider, /CA_ROOT_CA/);
    await writeFile(world.rootFile, next.cert);
    await signs(provider);
  });

  test('cuts the connection that the old root vouched for', async () => {
    await using world = await CitadelWorld.start();
    const provider = await world.load();
    await signs(provider);
    await writeFile(world.rootFile, (await createLoopbackCertificate()).cert);
    await fails(provider, /CA_ROOT_CA/);
  });

  test('may hold the old and the new root at once', async () => {
    await using world = await CitadelWorld.start();
    const provider = await world.load();
    const next = await createLoopbackCertificate();
    await writeFile(world.rootFile, `${(await TLS).cert}\n${next.cert}`);
    await signs(provider);
    world.ca.stop();
    await world.ca.listen(next);
    await comesToSign(provider);
  });

  test('is followed through the symlinks of a Kubernetes volume', async () => {
    await using world = await CitadelWorld.start();
    const at = (name: string): string => join(world.directory, name);
    const volume = async (name: string, content: string): Promise<void> => {
      await writeFile(at(`${name}.pem`), content);
      await symlink(`${name}.pem`, at('..data_tmp'));
      // As the kubelet does: the link is replaced in one step.
      await rename(at('..data_tmp'), at('..data'));
    };
    await volume('first', await readFile(world.rootFile, 'utf8'));
    await rm(world.rootFile);
    await symlink('..data', world.rootFile);
    const provider = await world.load();
    await signs(provider);
    const next = await createLoopbackCertificate();
    world.ca.stop();
    await world.ca.listen(next);
    await volume('second', next.cert);
    await rm(at('first.pem'));
    await comesToSign(provider);
  });

  for (const [what, spoil] of [
    ['half written', (file: string) => readFile(file, 'utf8').then((text) => writeFile(file, text.slice(0, 300)))],
    ['empty', (file: string) => writeFile(file, '')],
    ['gone', (file: string) => rm(file)],
  ] as const) {
    test(`replaces nothing while it is ${what}, and that is told once`, async () => {
      await using world = await CitadelWorld.start();
      const provider = await world.load();
      const good = await readFile(world.rootFile, 'utf8');
      const warnings = (): number => world.log.events.filter(({ level }) => level === 'warn').length;
      await spoil(world.rootFile);
      for (let call = 0; call < 3; call++) await signs(provider);
      assert.equal(warnings(), 1);
      await writeFile(world.rootFile, good);
      await signs(provider);
      await spoil(world.rootFile);
      await signs(provider);
      assert.equal(warnings(), 2);
    });
  }

  test('that changes lets the calls that run end on the old connection', async () => {
    await using world = await CitadelWorld.start();
    const provider = await world.load();
    world.ca.ca.hold();
    const running = provider.sign(await newRequest(), signal);
    await eventually('the call is at the CA', () => world.ca.openRequests() === 1);
    await writeFile(world.rootFile, (await createLoopbackCertificate()).cert);
    await fails(provider, /CA_ROOT_CA/);
    world.ca.ca.release();
    assert.equal((await running).length, 2);
  });
});

describe('a connection that is dead', () => {
  test('is opened again, however often the CA goes and comes back', async () => {
    await using world = await CitadelWorld.start();
    const provider = await world.load();
    for (let round = 0; round < 5; round++) {
      await signs(provider);
      world.ca.stop();
      await fails(provider, /look at/);
      await fails(provider, /CA_ADDR/);
      await world.ca.listen();
    }
    await signs(provider);
  });

  test('is opened again where the CA was down at first', async () => {
    await using world = await CitadelWorld.start();
    world.ca.stop();
    const provider = await world.load();
    for (let call = 0; call < 10; call++) await fails(provider, /CA_ADDR/);
    await world.ca.listen();
    await signs(provider);
  });

  test('fails all its calls at once, and the next call has a new one', async () => {
    await using world = await CitadelWorld.start();
    const provider = await world.load();
    await world.ca.set('hangs');
    const calls = Array.from({ length: 20 }, async () => fails(provider, /./));
    await eventually('the calls are at the CA', () => world.ca.openRequests() === 20);
    world.ca.stop();
    await Promise.all(calls);
    await world.ca.set(undefined);
    await comesToSign(provider);
  });

  const CONNECTIONS: readonly { readonly says: keyof typeof status; readonly connections: number }[] = [
    { says: 'UNAVAILABLE', connections: 2 },
    { says: 'INTERNAL', connections: 2 },
    { says: 'UNKNOWN', connections: 2 },
    { says: 'CANCELLED', connections: 2 },
    { says: 'DEADLINE_EXCEEDED', connections: 2 },
    { says: 'RESOURCE_EXHAUSTED', connections: 1 },
    { says: 'PERMISSION_DENIED', connections: 1 },
    { says: 'UNAUTHENTICATED', connections: 1 },
  ];
  for (const { says, connections } of CONNECTIONS) {
    const what = connections === 2 ? 'is replaced: another replica may be better' : 'is kept: it is not at fault';
    test(`when the CA says ${says}, ${what}`, async () => {
      await using world = await CitadelWorld.start();
      const provider = await world.load();
      await signs(provider);
      world.ca.failure = { code: status[says], details: 'as it happens' };
      await assert.rejects(provider.sign(await newRequest(), signal), { message: /as it happens/ });
      world.ca.failure = undefined;
      await signs(provider);
      assert.equal(new Set(world.ca.requests.map(({ peer }) => peer)).size, connections);
    });
  }

  for (const reset of [
    'NGHTTP2_CANCEL',
    'NGHTTP2_INTERNAL_ERROR',
    'NGHTTP2_REFUSED_STREAM',
    'NGHTTP2_NO_ERROR',
  ] as const) {
    test(`is ca-unavailable and replaced when its peer breaks the call off with ${reset}`, async (t) => {
      const { address, sessions } = await breaker(t, constants[reset]);
      const provider = await loadCitadel({ CA_ADDR: address });
      for (let call = 1; call <= 3; call++) {
        await fails(provider, /look at/);
        assert.equal(sessions.size, call);
      }
    });
  }

  test('is not waited for where its peer is gone without a word', async (t) => {
    const { address, sockets } = await tarpit(t);
    await using world = await CitadelWorld.start();
    const provider = await world.load({ CA_ADDR: address });
    for (let round = 0; round < 5; round++) {
      const gone = new AbortController();
      const outcome = assert.rejects(provider.sign(await newRequest(), gone.signal), { code: 'ca-timeout' });
      await eventually('the CA has a connection', () => sockets.size > 0);
      gone.abort();
      await outcome;
      await eventually('nothing is left of the call', () => sockets.size === 0);
    }
  });
});

test('a connection that comes after it was given up is closed', async (t) => {
  const { address, sockets } = await tarpit(t);
  const check = { roots: createSecureContext(), name: 'localhost' };
  const connector = new OwnedCredentials(check)._createSecureConnector();
  connector.destroy();
  const late = connect(Number(address.split(':')[1]), '127.0.0.1');
  await once(late, 'connect');
  void connector.connect(late).catch(() => undefined);
  await eventually('it was there', () => sockets.size > 0 || late.destroyed);
  await eventually('it is closed', () => sockets.size === 0);
});

test('through a unix socket a CA is spoken to in plain text', async () => {
  await using world = await CitadelWorld.start();
  await using plain = await CitadelCa.start({ address: `unix:${join(world.directory, 'ca.sock')}` });
  const provider = await loadCitadel({ CA_ADDR: plain.address });
  await signs(provider);
  plain.stop();
  await fails(provider, /look at/);
  await plain.listen();
  await comesToSign(provider);
});

/** A proxy without TLS that ends each call like this, without a status of gRPC. Gives the connections that it has had. */
async function breaker(t: TestContext, code: number) {
  const directory = await mkdtemp(join(tmpdir(), 'breaker-'));
  const path = join(directory, 'ca.sock');
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2Server().on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => stream.on('error', () => undefined).close(code));
  t.after(async () => {
    for (const session of sessions) session.destroy();
    server.close();
    await rm(directory, { recursive: true });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { address: `unix:${path}`, sessions };
}

/** A server that takes connections and never says a word. */
async function tarpit(t: TestContext): Promise<{ readonly address: string; readonly sockets: ReadonlySet<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.resume().on('error', () => undefined));
    socket.once('close', () => sockets.delete(socket));
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, sockets };
}
