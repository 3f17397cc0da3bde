import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { Redacted } from '../../../src/core/redacted.ts';
import { serviceAccountId } from '../../../src/core/spiffe-id.ts';
import { parseCertificate } from '../../../src/keys/certificate.ts';
import { toPem } from '../../../src/keys/pem.ts';
import { hours } from '../../fakes/fake-clock.ts';
import { workloadToken } from '../../fakes/workload-tokens.ts';
import { CitadelWorld, newRequest, WEB } from './citadel-world.ts';

const { signal } = new AbortController();

test('a call carries the token, the cluster, the headers of the settings and nothing more', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load({
    CLUSTER_ID: 'east',
    CA_HEADER_X_CLOUD_PROJECT: 'blue',
    'CA_HEADER_X-Zone': 'a',
    'CA_HEADER_PROOF-BIN': '\u0001bytes',
  });
  await provider.sign(await newRequest(), signal);
  const { 'user-agent': _agent, ...metadata } = world.ca.requests[0]?.metadata.getMap() ?? {};
  assert.deepEqual(metadata, {
    authorization: `Bearer ${workloadToken(WEB).reveal()}`,
    clusterid: 'east',
    x_cloud_project: 'blue',
    'x-zone': 'a',
    'proof-bin': Buffer.from('\u0001bytes'),
  });
});

test('without a cluster none is named', async () => {
  await using world = await CitadelWorld.start();
  await (await world.load()).sign(await newRequest(), signal);
  assert.deepEqual(world.ca.requests[0]?.metadata.get('clusterid'), []);
});

test('the CA is sent the CSR in PEM and the lifetime in seconds', async () => {
  await using world = await CitadelWorld.start();
  const request = await newRequest(WEB, hours(12));
  const [leaf = new Uint8Array()] = await (await world.load()).sign(request, signal);
  const [received] = world.ca.requests;
  assert.equal(received?.csr, toPem('CERTIFICATE REQUEST', request.csr));
  assert.equal(received?.validityDuration, 43_200);
  const { notBeforeMs, notAfterMs } = parseCertificate(leaf);
  assert.equal(notAfterMs - notBeforeMs, hours(12));
});

test('fifty calls at once each carry their own token with their own request', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load();
  const ids = Array.from({ length: 50 }, (_, index) => serviceAccountId('cluster.local', 'shop', `web-${index}`));
  const requests = await Promise.all(ids.map((id) => newRequest(id)));
  const chains = await Promise.all(requests.map((request) => provider.sign(request, new AbortController().signal)));
  assert.deepEqual(
    chains.map(([leaf = new Uint8Array()]) => parseCertificate(leaf).uriSans),
    ids.map((id) => [id]),
  );
  const csrOf = new Map(
    requests.map(({ token, csr }) => [`Bearer ${token.reveal()}`, toPem('CERTIFICATE REQUEST', csr)]),
  );
  for (const { metadata, csr } of world.ca.requests)
    assert.equal(csr, csrOf.get(String(metadata.get('authorization'))));
  assert.equal(world.ca.requests.length, 50);
});

test('a token that no header can carry is rejected here, and not shown', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load();
  const token = new Redacted('line one\nline two');
  await assert.rejects(
    provider.sign({ ...(await newRequest()), token }, signal),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ca-token-rejected');
      assert.doesNotMatch(String(error.stack), /line one|line two/);
      return true;
    },
  );
  assert.equal(world.ca.requests.length, 0);
});

test('a header that the CA repeats is not shown: it can be a password', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load({ CA_HEADER_KEY: 'a-very-secret-password' });
  world.ca.failure = { code: status.PERMISSION_DENIED, details: 'the key a-very-secret-password is not known' };
  await assert.rejects(provider.sign(await newRequest(), signal), {
    code: 'ca-permission-denied',
    message: /it says "the key \[redacted\] is not known"$/,
  });
});

test('a CA that is overloaded says when to come back', async () => {
  await using world = await CitadelWorld.start();
  const metadata = new Metadata();
  // google.rpc.Status with the detail google.rpc.RetryInfo of 7 s.
  const info = Buffer.from('\x0a\x02\x08\x07', 'latin1');
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
  const any = Buffer.concat([Buffer.from([0x0a, type.length]), type, Buffer.from([0x12, info.length]), info]);
  metadata.set('grpc-status-details-bin', Buffer.concat([Buffer.from([0x08, 8, 0x1a, any.length]), any]));
  world.ca.failure = { code: status.RESOURCE_EXHAUSTED, details: 'later', metadata };
  await assert.rejects((await world.load()).sign(await newRequest(), signal), {
    code: 'ca-overloaded',
    retryAfterMs: 7000,
  });
});

test('an answer that is too large is invalid, and no overload', async () => {
  await using world = await CitadelWorld.start();
  world.ca.changeElements = ([leaf = '', ...others]) => [leaf, `${'#'.repeat(2 * 1024 * 1024)}\n`, ...others];
  await assert.rejects((await world.load()).sign(await newRequest(), signal), {
    code: 'ca-answer-invalid',
    message: /too large/,
  });
});

test('a server of something else is an invalid answer that names CA_ADDR', async () => {
  await using world = await CitadelWorld.start();
  world.ca.failure = { code: status.UNIMPLEMENTED, details: 'unknown service' };
  await assert.rejects((await world.load()).sign(await newRequest(), signal), {
    code: 'ca-answer-invalid',
    message: /CA_ADDR/,
  });
});

test('a root that came with a certificate of somebody else is not believed', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load();
  await provider.sign(await newRequest(), signal);
  const believed = await provider.roots(signal);
  await world.ca.ca.replaceRoot();
  await world.ca.set("somebody else's certificate");
  await provider.sign(await newRequest(), signal);
  assert.deepEqual(await provider.roots(signal), believed);
  await world.ca.set(undefined);
  await provider.sign(await newRequest(), signal);
  assert.equal((await provider.roots(signal)).length, 2);
});
