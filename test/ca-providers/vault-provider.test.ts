import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCaProvider } from '../../src/ca-providers/registry.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { toPem } from '../../src/keys/pem.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { eventually } from '../transport/eventually.ts';
import { never, VaultWorld } from './vault-world.ts';

test('CA_PROVIDER VaultCA is loaded with the settings of Vault', async () => {
  const settings = loadSettings({
    CA_PROVIDER: 'VaultCA',
    TOKEN_VERIFIER: 'embedded',
    VAULT_ADDR: 'https://vault:8200',
    VAULT_ROLE: 'workload',
    VAULT_SIGN_CSR_PATH: 'istio_ca/sign/workload',
  });
  const parts = { ...settings, trustDomain: 'cluster.local', clock: new FakeClock(), log: new RecordingLog() };
  const { provider, rotatableRoot } = await loadCaProvider('VaultCA', parts);
  assert.equal(provider.name, 'VaultCA');
  assert.equal(rotatableRoot, undefined);
});

test('a workload logs in and has its request signed as Istio did', async (t) => {
  const world = await VaultWorld.start(t, { authPath: 'auth/jwt/login', role: 'mesh', namespace: 'team/a' });
  const request = await world.request();
  await world.provider.sign({ ...request, ttlMs: 90_999 }, never());
  const [login, sign] = world.server.seen;
  assert.deepEqual([login?.method, login?.path], ['PUT', 'auth/jwt/login']);
  assert.deepEqual(login?.body, { jwt: request.token.reveal(), role: 'mesh' });
  assert.equal(login?.headers['x-vault-token'], undefined);
  assert.deepEqual([sign?.method, sign?.path], ['PUT', 'istio_ca/sign/workload']);
  const csr = toPem('CERTIFICATE REQUEST', request.csr);
  assert.deepEqual(sign?.body, { format: 'pem', csr, ttl: '90s', exclude_cn_from_sans: true });
  assert.match(String(sign?.headers['x-vault-token']), /^hvs\./);
  for (const { headers } of [login, sign]) {
    assert.equal(headers['x-vault-namespace'], 'team/a');
    assert.equal(headers['x-vault-request'], 'true');
  }
});

test('the roots are read without a token', async (t) => {
  const world = await VaultWorld.start(t);
  assert.deepEqual(await world.provider.roots(never()), [world.server.ca.rootDer]);
  assert.deepEqual(
    world.server.seen.map(({ method, path, headers }) => [method, path, headers['x-vault-token']]),
    [['GET', 'istio_ca/ca_chain', undefined]],
  );
});

const SHAPES: Readonly<Record<string, VaultWorld['server']['shape']>> = {
  'issuer and root': (signed) => signed,
  'the issuer alone': ({ ca_chain = [], ...signed }) => ({ ...signed, ca_chain: ca_chain.slice(0, 1) }),
  'the root alone': ({ ca_chain = [], ...signed }) => ({ ...signed, ca_chain: ca_chain.slice(1) }),
  'root and issuer in the wrong order': ({ ca_chain = [], ...signed }) => ({
    ...signed,
    ca_chain: ca_chain.toReversed(),
  }),
  'no ca_chain': ({ ca_chain: _, ...signed }) => signed,
  'an empty ca_chain': (signed) => ({ ...signed, ca_chain: [] }),
  'no issuing_ca': ({ issuing_ca: _, ...signed }) => signed,
};

for (const hasRoot of [true, false]) {
  for (const [what, shape] of Object.entries(SHAPES)) {
    test(`an answer with ${what}, of a mount ${hasRoot ? 'with' : 'without'} its root, gives leaf and intermediate`, async (t) => {
      const world = await VaultWorld.start(t);
      Object.assign(world.server, { hasRoot, shape });
      const { chain } = await world.issue();
      assert.equal(chain.length, 2);
      const anchors = await world.provider.roots(never());
      assert.deepEqual(anchors, [hasRoot ? world.server.ca.rootDer : chain[1]]);
    });
  }
}

test('an answer with the leaf alone is completed from the chain of the mount', async (t) => {
  const world = await VaultWorld.start(t);
  const { chain } = await world.issue();
  const pem = [...chain.slice(1), world.server.ca.rootDer].map((der) => toPem('CERTIFICATE', der)).join('');
  world.server.answer = ({ operation }) => (operation === 'chain' ? { status: 200, body: pem } : undefined);
  world.server.shape = ({ certificate }) => ({ certificate });
  await world.provider.roots(never());
  const again = await world.issue();
  assert.deepEqual(again.chain.slice(1), chain.slice(1));
});

test('the root of a mount whose chain is empty is read from ca/pem, as before Vault 1.11', async (t) => {
  const world = await VaultWorld.start(t);
  world.server.answer = ({ path }) => (path === 'istio_ca/ca_chain' ? { status: 204 } : undefined);
  assert.deepEqual(await world.provider.roots(never()), [world.server.ca.rootDer]);
  assert.deepEqual(
    world.server.seen.map(({ path }) => path),
    ['istio_ca/ca_chain', 'istio_ca/ca/pem'],
  );
});

test('a mount without any certificate has told of no root yet', async (t) => {
  const world = await VaultWorld.start(t);
  world.server.answer = () => ({ status: 204 });
  assert.deepEqual(await world.provider.roots(never()), []);
});

test('watchers are told of a root that came with a certificate, once, and of none that is known', async (t) => {
  const world = await VaultWorld.start(t);
  const controller = new AbortController();
  const told: (readonly Uint8Array[])[] = [];
  const watching = (async () => {
    for await (const roots of world.provider.watchRoots(controller.signal)) told.push(roots);
  })();
  const old = world.server.ca.rootDer;
  await world.issue();
  await world.issue();
  assert.equal(told.length, 1);
  await world.server.ca.replaceRoot();
  await world.provider.sign(await world.request(), never());
  await eventually('the change is told', () => told.length === 2);
  assert.deepEqual(new Set(told[1]), new Set([old, world.server.ca.rootDer]));
  controller.abort();
  await watching;
});

test('a root that the mount has given up goes from the roots with the next certificate', async (t) => {
  const world = await VaultWorld.start(t);
  await world.issue();
  await world.server.ca.replaceRoot();
  await world.issue();
  assert.deepEqual(await world.provider.roots(never()), [world.server.ca.rootDer]);
});

test('more certificates of issuers than any hierarchy has are refused', async (t) => {
  const world = await VaultWorld.start(t);
  world.server.shape = (signed) => ({ ...signed, ca_chain: Array.from({ length: 21 }, () => signed.certificate) });
  await assert.rejects(world.issue(), { code: 'ca-answer-invalid', message: /22 certificates of issuers/ });
});
