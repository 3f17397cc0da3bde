import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpAnswer } from '../../src/core/rpc.ts';
import { seconds, settle } from '../fakes/fake-clock.ts';
import { bundleOf, certificateOf } from '../fakes/memory-secret-store.ts';
import { RecordingCall } from '../fakes/recording-call.ts';
import { SdsWorld, SECRETS_V2, SECRETS_V3, secretsIn, V2, V3, WEB } from './sds-world.ts';

const FETCH = `${SECRETS_V3}/FetchSecrets`;
const CERTIFICATE = certificateOf(WEB, 'a');

function worldWithSecrets(): SdsWorld {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  world.store.put(bundleOf('cluster.local', 'r'));
  return world;
}

test('a fetch gives the one secret that was asked for', async () => {
  const response = await worldWithSecrets().fetch(FETCH, { resourceNames: ['default'] });
  assert.equal(response.versionInfo, CERTIFICATE.version);
  assert.equal(secretsIn(response)[0]?.tlsCertificate?.certificateChain?.inlineBytes.toString(), 'chain a\n');
});

test('a v2 fetch answers with the v2 secret', async () => {
  const response = await worldWithSecrets().fetch(`${SECRETS_V2}/FetchSecrets`, {
    resourceNames: ['ROOTCA'],
    typeUrl: V2,
  });
  assert.equal(response.resources[0]?.typeUrl, V2);
});

const REFUSALS = [
  { what: 'no name', request: { resourceNames: [] }, code: 'request-invalid' },
  { what: 'two names', request: { resourceNames: ['default', 'ROOTCA'] }, code: 'request-invalid' },
  { what: 'another type', request: { resourceNames: ['default'], typeUrl: 'x' }, code: 'request-invalid' },
  { what: 'an unknown name', request: { resourceNames: ['nonsense'] }, code: 'request-name-unknown' },
  {
    what: "another workload's name",
    request: { resourceNames: ['spiffe://cluster.local/ns/shop/sa/other'] },
    code: 'request-name-unknown',
  },
];

for (const { what, request, code } of REFUSALS) {
  test(`a fetch of ${what} is refused with ${code}`, async () => {
    const world = worldWithSecrets();
    world.store.put(certificateOf('spiffe://cluster.local/ns/shop/sa/other', 'o'));
    await assert.rejects(world.fetch(FETCH, request), { code });
    assert.equal(world.store.subscriptions, 0);
  });
}

test('a fetch without a token is refused before its message is read', async () => {
  await assert.rejects(worldWithSecrets().fetch(FETCH, { typeUrl: 'nonsense' }, ''), { code: 'token-missing' });
});

test('a fetch of a secret that is not there yet waits a little for it', async () => {
  const world = new SdsWorld();
  const answer = world.fetch(FETCH, { resourceNames: ['default'] });
  await world.clock.advance(seconds(2));
  world.store.put(CERTIFICATE);
  assert.equal((await answer).versionInfo, CERTIFICATE.version);
  await settle();
  assert.equal(world.store.subscriptions, 0);
  assert.equal(world.clock.sleeping, 0);
});

test('a fetch of a secret that does not come says so', async () => {
  const world = new SdsWorld();
  const answer = assert.rejects(world.fetch(FETCH, { resourceNames: ['default'] }), { code: 'secret-not-ready' });
  await world.clock.advance(seconds(10));
  await answer;
  assert.equal(world.store.subscriptions, 0);
});

async function post(world: SdsWorld, path: string, body: unknown): Promise<HttpAnswer> {
  const route = world.routes.get(path);
  assert.ok(route);
  return route(new RecordingCall({ authorization: WEB }), async () =>
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  );
}

function parseBody({ body }: HttpAnswer): unknown {
  return JSON.parse(String(body));
}

test('REST gives the certificate in proto3 JSON, bytes in base64', async () => {
  const answer = await post(worldWithSecrets(), '/v3/discovery:secrets', {
    node: { id: 'sidecar', cluster: 'c', user_agent_name: 'envoy' },
    resource_names: ['default'],
    type_url: V3,
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.contentType, 'application/json');
  assert.deepEqual(parseBody(answer), {
    version_info: CERTIFICATE.version,
    resources: [
      {
        '@type': V3,
        name: 'default',
        tls_certificate: {
          certificate_chain: { inline_bytes: Buffer.from('chain a\n').toString('base64') },
          private_key: { inline_bytes: Buffer.from('key a\n').toString('base64') },
        },
      },
    ],
    type_url: V3,
  });
});

test('REST gives the bundle, and takes fields in camel case', async () => {
  const answer = await post(worldWithSecrets(), '/v2/discovery:secrets', { resourceNames: ['ROOTCA'], typeUrl: V2 });
  assert.match(String(answer.body), /"trusted_ca"/);
  assert.match(String(answer.body), /api\.v2\.auth\.Secret/);
});

test('REST gives every trust domain in the SPIFFE validator', async () => {
  const world = worldWithSecrets();
  world.store.put({ kind: 'all-bundles', version: 'all', bundles: [bundleOf('cluster.local', 'r')] });
  const answer = await post(world, '/v3/discovery:secrets', { resource_names: ['ALL'] });
  assert.match(String(answer.body), /envoy\.tls\.cert_validator\.spiffe.*"name":"cluster\.local"/);
});

test('REST answers 304 to who holds the version already', async () => {
  const request = { resource_names: ['default'], version_info: CERTIFICATE.version };
  assert.deepEqual(await post(worldWithSecrets(), '/v3/discovery:secrets', request), { status: 304 });
});

for (const [what, body] of [
  ['no JSON', '{'],
  ['a list', '[]'],
  ['null', 'null'],
  ['names that are no list', { resource_names: 'default' }],
  ['names that are no strings', { resource_names: [1] }],
  ['a type that is no string', { resource_names: ['default'], type_url: 7 }],
  ['nothing', {}],
] as const) {
  test(`REST refuses ${what}`, async () => {
    await assert.rejects(post(worldWithSecrets(), '/v3/discovery:secrets', body), { code: 'request-invalid' });
  });
}
