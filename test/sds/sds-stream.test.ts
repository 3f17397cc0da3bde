import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seconds, settle } from '../fakes/fake-clock.ts';
import { bundleOf, certificateOf } from '../fakes/memory-secret-store.ts';
import { RecordingCall } from '../fakes/recording-call.ts';
import { AGGREGATED, MAX_STREAMS, SdsWorld, SECRETS_V2, SECRETS_V3, secretsIn, V2, V3, WEB } from './sds-world.ts';

const STREAM = `${SECRETS_V3}/StreamSecrets`;
const DELTA = `${SECRETS_V3}/DeltaSecrets`;
const CERTIFICATE = certificateOf(WEB, 'a');
const BUNDLE = bundleOf('cluster.local', 'r');

test('a certificate is served as chain and key, in bytes, under the name that was asked for', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default'] });
  const [response] = stream.responses;
  assert.ok(response);
  assert.equal(response.typeUrl, V3);
  assert.equal(response.versionInfo, CERTIFICATE.version);
  assert.equal(response.resources[0]?.typeUrl, V3);
  const [secret] = secretsIn(response);
  assert.equal(secret?.name, 'default');
  assert.equal(secret?.tlsCertificate?.certificateChain?.inlineBytes.toString(), 'chain a\n');
  assert.equal(secret?.tlsCertificate?.privateKey?.inlineBytes.toString(), 'key a\n');
  assert.equal(secret?.validationContext, undefined);
});

for (const [path, typeUrl] of [
  [`${SECRETS_V3}/StreamSecrets`, V3],
  [`${SECRETS_V2}/StreamSecrets`, V2],
  [`${AGGREGATED}/StreamAggregatedResources`, V3],
] as const) {
  test(`the bundle is served as the trusted CA on ${path}`, async () => {
    const world = new SdsWorld();
    world.store.put(BUNDLE);
    const stream = await world.open(path);
    stream.request({ resourceNames: ['ROOTCA'], typeUrl });
    const [response] = stream.responses;
    assert.ok(response);
    assert.equal(response.resources[0]?.typeUrl, typeUrl);
    assert.equal(secretsIn(response)[0]?.validationContext?.trustedCa?.inlineBytes.toString(), 'roots r\n');
  });
}

test('all trust domains are served in the SPIFFE validator, and nothing in the trusted CA', async () => {
  const world = new SdsWorld();
  world.store.put({ kind: 'all-bundles', version: 'all-1', bundles: [BUNDLE] });
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['ALL'] });
  const [response] = stream.responses;
  const context = response && secretsIn(response)[0]?.validationContext;
  assert.equal(context?.customValidatorConfig?.name, 'envoy.tls.cert_validator.spiffe');
  assert.equal(context?.trustedCa, undefined);
});

test('all trust domains are refused to a v2 caller, who would take them for "any certificate"', async () => {
  const world = new SdsWorld();
  const stream = await world.open(`${SECRETS_V2}/StreamSecrets`);
  stream.request({ resourceNames: ['ALL'], typeUrl: V2 });
  assert.equal(stream.call.ended?.error?.code, 'request-invalid');
});

const NAMES_OF_WEB = ['default', 'web-cert', WEB];
for (const name of NAMES_OF_WEB) {
  test(`the caller's certificate is served under ${name}`, async () => {
    const world = new SdsWorld();
    world.store.put(CERTIFICATE);
    const stream = await world.open(STREAM);
    stream.request({ resourceNames: [name] });
    assert.equal(stream.responses.length, 1);
  });
}

test("another workload's SPIFFE ID is answered with silence, also when its certificate is there", async () => {
  const world = new SdsWorld();
  const other = 'spiffe://cluster.local/ns/shop/sa/other';
  world.store.put(certificateOf(other, 'o'));
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: [other, 'spiffe://elsewhere.example'] });
  assert.equal(stream.responses.length, 0);
  assert.equal(stream.call.ended, undefined);
  assert.equal(world.store.subscriptions, 0);
  assert.deepEqual(
    world.registry.pending().map(({ name }) => name),
    [other, 'spiffe://elsewhere.example'],
  );
  assert.equal(world.pending, 2);
});

test('who has no token is told so, and nothing that was sent is looked at', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM, '');
  assert.equal(stream.call.ended?.error?.code, 'token-missing');
  assert.ok(stream.call.paused, 'messages stay in the transport');
  assert.equal(stream.responses.length, 0);
});

test('who is known already is served at once: nothing is verified, and the stream is never stopped', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  world.recognizes('a known token', WEB);
  const stream = world.begin(STREAM, 'a known token');
  assert.ok(!stream.call.paused);
  stream.request({ resourceNames: ['default'] });
  assert.equal(stream.responses.length, 1);
});

for (const [what, path, typeUrl] of [
  ['a cluster on a secret stream', STREAM, 'type.googleapis.com/envoy.config.cluster.v3.Cluster'],
  ['the v2 secret on the v3 stream', STREAM, V2],
  ['the v3 secret on the v2 stream', `${SECRETS_V2}/StreamSecrets`, V3],
  ['no type on an aggregated stream', `${AGGREGATED}/StreamAggregatedResources`, ''],
] as const) {
  test(`${what} is an invalid argument`, async () => {
    const world = new SdsWorld();
    const stream = await world.open(path);
    stream.request({ resourceNames: ['default'], typeUrl });
    assert.equal(stream.call.ended?.error?.code, 'request-invalid');
  });
}

test('no type on a secret stream means its secret', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default'], typeUrl: '' });
  assert.equal(stream.responses[0]?.typeUrl, V3);
});

test('bytes that are no message end the stream, and only that one', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const [bad, good] = [await world.open(STREAM), await world.open(STREAM)];
  bad.handler.received(Buffer.from([0xff, 0xff, 0xff]));
  assert.equal(bad.call.ended?.error?.code, 'request-invalid');
  good.request({ resourceNames: ['default'] });
  assert.equal(good.responses.length, 1);
});

test('a change is pushed once to each stream of the identity and to no other', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const streams = [await world.open(STREAM), await world.open(STREAM)];
  const other = await world.open(STREAM, 'spiffe://cluster.local/ns/shop/sa/other');
  for (const stream of [...streams, other]) stream.request({ resourceNames: ['default'] });
  for (const stream of streams) stream.acknowledge(['default']);
  world.store.put(certificateOf(WEB, 'b'));
  assert.deepEqual(
    streams.map(({ responses }) => responses.length),
    [2, 2],
  );
  assert.equal(other.responses.length, 0);
});

test('equal content has an equal version on another stream, and each response a nonce of its own', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  world.store.put(BUNDLE);
  const [a, b] = [await world.open(STREAM), await world.open(STREAM)];
  a.request({ resourceNames: ['default', 'ROOTCA'] });
  b.request({ resourceNames: ['ROOTCA', 'default'] });
  assert.equal(a.responses[0]?.versionInfo, b.responses[0]?.versionInfo);
  assert.notEqual(a.lastNonce, b.lastNonce);
});

test('a reconnect with the version that is served already is answered all the same', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default'], versionInfo: CERTIFICATE.version });
  assert.equal(stream.responses.length, 1);
});

test('delta: each resource carries its name and version, and nothing is removed', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(DELTA);
  stream.deltaRequest({ resourceNamesSubscribe: ['default', 'nonsense'] });
  const [response] = stream.deltaResponses;
  assert.deepEqual(
    response?.resources.map(({ name, version }) => ({ name, version })),
    [{ name: 'default', version: CERTIFICATE.version }],
  );
  assert.deepEqual(response?.removedResources, []);
});

test('an acknowledgement reaches the store with the version that was acknowledged', async () => {
  const world = new SdsWorld();
  world.store.put(BUNDLE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['ROOTCA'] });
  stream.acknowledge(['ROOTCA']);
  assert.deepEqual(world.store.acknowledged, [`cluster.local ${BUNDLE.version}`]);
});

test('ten thousand NACKs of one response are counted, answered with nothing and logged once', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default'], node: { id: 'sidecar~1', cluster: 'c' } });
  const rejection = { resourceNames: ['default'], responseNonce: stream.lastNonce };
  for (let index = 0; index < 10_000; index++) {
    stream.request({ ...rejection, errorDetail: { code: 13, message: 'bad\nkey' } });
  }
  assert.equal(stream.responses.length, 1);
  assert.equal(world.counts.filter((count) => count === 'nack').length, 10_000);
  const warnings = world.log.events.filter(({ level }) => level === 'warn');
  assert.deepEqual(
    warnings.map(({ fields }) => fields),
    [{ spiffeId: WEB, node: 'sidecar~1', pid: undefined, reason: 'bad\nkey' }],
  );
});

test('who does not read is not listened to until it has read', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM);
  stream.call.writable = false;
  stream.request({ resourceNames: ['default'] });
  assert.ok(stream.call.paused);
  stream.handler.drained();
  assert.ok(!stream.call.paused);
});

test('an identity whose token has expired ends with the word to come back', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default'] });
  world.store.sendBack(WEB);
  assert.equal(stream.call.ended?.error?.code, 'reauthentication-needed');
});

test('a peer that half-closes is answered first', async () => {
  const world = new SdsWorld();
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default'] });
  stream.handler.halfClosed();
  assert.equal(stream.call.ended, undefined);
  world.store.put(CERTIFICATE);
  assert.equal(stream.responses.length, 1);
  assert.deepEqual(stream.call.ended, { error: undefined });
});

test('a peer that half-closes without a question is let go', async () => {
  const stream = await new SdsWorld().open(STREAM);
  stream.handler.halfClosed();
  assert.deepEqual(stream.call.ended, { error: undefined });
});

test('a closed stream leaves no subscription, no pending name and no place in the registry', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default', 'ROOTCA', 'nonsense'] });
  assert.equal(world.store.subscriptions, 2);
  assert.equal(world.pending, 2);
  stream.close();
  assert.equal(world.store.subscriptions, 0);
  assert.equal(world.pending, 0);
  assert.equal(world.registry.size, 0);
  assert.deepEqual(
    world.counts.filter((count) => /opened|closed/.test(count)),
    ['opened', 'closed'],
  );
});

test('the time to the first answer and of each push is measured', async () => {
  const world = new SdsWorld();
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default'] });
  await world.clock.advance(seconds(3));
  world.store.put(CERTIFICATE);
  world.store.put(certificateOf(WEB, 'b'));
  await world.clock.advance(seconds(2));
  stream.acknowledge(['default']);
  await settle();
  assert.deepEqual(world.delays, ['first 3', 'pushed 2']);
});

test('the registry tells what each Envoy holds, without the key', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  world.store.put(BUNDLE);
  const stream = await world.open(STREAM);
  stream.request({ resourceNames: ['default', 'ROOTCA'], node: { id: 'sidecar~2', cluster: '' } });
  const served = world.registry.served();
  assert.deepEqual(
    served.map(({ proxy, resourceName }) => `${proxy} ${resourceName}`),
    ['sidecar~2 default', 'sidecar~2 ROOTCA'],
  );
  assert.equal(served[0]?.certificateChainPem, 'chain a\n');
  assert.equal(served[1]?.rootCertPem, 'roots r\n');
  assert.doesNotMatch(JSON.stringify(served), /key a/);
});

test('refusals are logged with their reason, at most once a second, and none is lost from the count', async () => {
  const world = new SdsWorld();
  for (let index = 0; index < 1000; index++) await world.open(STREAM, '');
  await world.clock.advance(seconds(1));
  await world.open(STREAM, '');
  const refusals = world.log.events.filter(({ message }) => message === 'a caller was refused');
  assert.deepEqual(
    refusals.map(({ fields: { alsoRefused } }) => alsoRefused),
    [undefined, 999],
  );
});

test('an identity has so many streams and no more, from however many pods, and another has its own', async () => {
  const world = new SdsWorld();
  const open = await Promise.all(Array.from({ length: MAX_STREAMS }, () => world.open(STREAM)));
  const late = await world.open(STREAM);
  assert.equal(late.call.ended?.error?.code, 'limit-exceeded');
  assert.match(late.call.ended?.error?.message ?? '', /^MAX_STREAMS_PER_IDENTITY is reached, which is 20: /);
  await assert.rejects(world.fetch(`${SECRETS_V3}/FetchSecrets`, { resourceNames: ['default'] }), {
    code: 'limit-exceeded',
  });
  assert.equal((await world.open(STREAM, `${WEB}-2`)).call.ended, undefined);
  late.close();
  open[0]?.close();
  const [next, another] = [await world.open(STREAM), await world.open(STREAM)];
  assert.equal(next.call.ended, undefined);
  assert.equal(another.call.ended?.error?.code, 'limit-exceeded');
  assert.deepEqual(
    world.counts.filter((count) => count.startsWith('refused')),
    Array(3).fill('refused streams_per_identity'),
  );
});

test('a caller who went away while he was verified takes no place', async () => {
  const world = new SdsWorld();
  for (let number = 0; number < 2 * MAX_STREAMS; number++) {
    const opening = world.open(STREAM);
    const method = world.methods.get(STREAM);
    assert.ok(method?.kind === 'stream');
    method.open(new RecordingCall({ authorization: WEB })).closed();
    (await opening).close();
  }
  assert.equal((await world.open(STREAM)).call.ended, undefined);
});

test('rejections on many streams of one identity are few lines in the log, and those of another are told', async () => {
  const world = new SdsWorld();
  world.store.put(CERTIFICATE);
  world.store.put(certificateOf(`${WEB}-2`, 'b'));
  const reject = async (caller: string): Promise<void> => {
    const stream = await world.open(STREAM, caller);
    stream.request({ resourceNames: ['default'] });
    const errorDetail = { code: 13, message: 'bad' };
    stream.request({ resourceNames: ['default'], responseNonce: stream.lastNonce, errorDetail });
    stream.close();
  };
  const lines = () => world.log.events.filter(({ message }) => message.startsWith('envoy rejected'));
  for (let number = 0; number < 100; number++) await reject(WEB);
  assert.equal(lines().length, 10);
  await reject(`${WEB}-2`);
  assert.equal(lines().length, 11);
  const { spiffeId, alsoRejected } = lines()[10]?.fields ?? {};
  assert.deepEqual([spiffeId, alsoRejected], [`${WEB}-2`, 90]);
  await world.clock.advance(seconds(10));
  await reject(WEB);
  assert.equal(lines().length, 12);
});
