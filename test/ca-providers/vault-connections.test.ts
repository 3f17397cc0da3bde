import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createVaultProvider } from '../../src/ca-providers/vault/create-vault-provider.ts';
import { createLoopbackCertificate } from '../identity/loopback-certificate.ts';
import { eventually } from '../transport/eventually.ts';
import { never, VaultWorld } from './vault-world.ts';

test('a server that VAULT_TLS_ROOT_CERT vouches for is used over https', async (t) => {
  const tls = await createLoopbackCertificate();
  const world = await VaultWorld.start(t, { tlsRootCert: tls.cert }, tls);
  await world.issue();
});

test('connections are used again', async (t) => {
  const tls = await createLoopbackCertificate();
  const world = await VaultWorld.start(t, { tlsRootCert: tls.cert }, tls);
  for (let i = 0; i < 5; i++) await world.issue();
  assert.equal(world.server.connections, 1);
});

for (const [what, tlsRootCert, message] of [
  ['nobody vouches for', undefined, /VAULT_TLS_ROOT_CERT/],
  ['another root vouches for', 'other', /VAULT_TLS_ROOT_CERT/],
] as const) {
  test(`a server that ${what} gets no token`, async (t) => {
    const tls = await createLoopbackCertificate();
    const other = tlsRootCert === undefined ? undefined : (await createLoopbackCertificate()).cert;
    const world = await VaultWorld.start(t, { tlsRootCert: other }, tls);
    await assert.rejects(world.issue(), { code: 'ca-unavailable', message });
    assert.deepEqual(world.server.seen, []);
  });
}

test('a server with a certificate for another name gets no token', async (t) => {
  const tls = await createLoopbackCertificate();
  const world = await VaultWorld.start(t, {}, tls);
  const address = String(world.server.settings().address).replace('localhost', '127.0.0.1');
  const vault = world.server.settings({ address, tlsRootCert: tls.cert });
  const provider = createVaultProvider({ vault, clock: world.clock, log: world.log });
  await assert.rejects(provider.roots(never()), { code: 'ca-unavailable', message: /another name.*VAULT_ADDR/ });
});

test('https to a server that speaks http says where to look', async (t) => {
  const plain = await VaultWorld.start(t);
  const address = String(plain.server.settings().address).replace('http:', 'https:');
  const world = await VaultWorld.start(t, { address });
  await assert.rejects(world.issue(), { code: 'ca-unavailable', message: /http or https in VAULT_ADDR/ });
});

test('nobody at the address says where to look', async (t) => {
  const world = await VaultWorld.start(t);
  await world.server.close();
  await assert.rejects(world.provider.roots(never()), {
    code: 'ca-unavailable',
    message: /cannot be reached \(ECONNREFUSED\): look at VAULT_ADDR/,
  });
});

for (const [what, bytes, code] of [
  ['something that is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'ca-answer-invalid'],
  ['nothing, and closes', undefined, 'ca-unavailable'],
  ['half an answer, and closes', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{', 'ca-unavailable'],
] as const) {
  test(`a server that says ${what} is ${code}`, async (t) => {
    const { provider } = await VaultWorld.start(t, {
      address: await listenRaw(t, (socket) => socket.end(bytes ?? '')),
    });
    await assert.rejects(provider.roots(never()), { code, message: /VAULT_ADDR/ });
  });
}

test('an answer without end is cut off', async (t) => {
  const world = await VaultWorld.start(t);
  world.server.answer = () => ({ status: 200, body: 'x'.repeat(2 << 20) });
  await assert.rejects(world.provider.roots(never()), {
    code: 'ca-answer-invalid',
    message: /more than 1048576 bytes/,
  });
});

test('an abort closes the connection, also in the middle of an answer', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{';
  let socket: Socket | undefined;
  const address = await listenRaw(t, (accepted) => {
    socket = accepted;
    accepted.write(head);
  });
  const { provider } = await VaultWorld.start(t, { address });
  const controller = new AbortController();
  const call = provider.roots(controller.signal);
  await eventually('the answer begins', () => (socket?.bytesWritten ?? 0) === head.length);
  controller.abort();
  await assert.rejects(call, { code: 'ca-timeout' });
  await eventually('the connection is closed', () => socket?.destroyed === true);
});

test('an abort while it signs ends that as well', async (t) => {
  const world = await VaultWorld.start(t);
  world.server.answer = ({ operation }) => (operation === 'sign' ? 'hang' : undefined);
  const controller = new AbortController();
  const call = world.provider.sign(await world.request(), controller.signal);
  await eventually('it signs', () => world.server.count('sign') === 1);
  controller.abort();
  await assert.rejects(call, { code: 'ca-timeout' });
  await eventually('the request is ended', () => world.server.openRequests === 0);
});

/** A server on loopback that greets who sends something; gives its URL. */
function listenRaw(t: { after(fn: () => unknown): void }, greet: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => greet(socket));
  });
  t.after(() => server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    });
  });
}
