import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { JWTBundlesResponse, X509BundlesResponse, X509SVIDResponse } from '../../src/gen/spiffe/workload.ts';
import type { PrivateKeyEncoding } from '../../src/keys/key-pair.ts';
import { minutes, seconds, settle } from '../fakes/fake-clock.ts';
import { allOf, callerOf, type Headers, type Opened, WEB, WorkloadWorld } from './workload-world.ts';

const STREAMS = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'];

function svidsOf({ call }: Opened): X509SVIDResponse[] {
  return call.sent.map((message) => X509SVIDResponse.decode(message));
}

function codeOf({ call }: Opened): string | undefined {
  return call.ended?.error?.code;
}

/** Splits certificates that stand one after the other. */
function certificatesIn(ders: Buffer): X509Certificate[] {
  const found: X509Certificate[] = [];
  for (let rest = ders; rest.length > 0; ) {
    // A SEQUENCE whose length takes two bytes (X.690, 8.1.3): every certificate is that long.
    assert.deepEqual([rest[0], rest[1]], [0x30, 0x82]);
    const length = 4 + rest.readUInt16BE(2);
    found.push(new X509Certificate(rest.subarray(0, length)));
    rest = rest.subarray(length);
  }
  return found;
}

const KEYS: readonly (readonly [KeySpec, PrivateKeyEncoding])[] = [
  [{ algorithm: 'ecdsa', curve: 'P256' }, 'pkcs8'],
  [{ algorithm: 'ecdsa', curve: 'P384' }, 'traditional'],
  [{ algorithm: 'rsa', bits: 2048 }, 'traditional'],
];
for (const [key, encoding] of KEYS) {
  test(`an X509-SVID is DER, leaf first, its key PKCS#8: ${key.algorithm} held as ${encoding}`, async () => {
    await using world = await WorkloadWorld.create();
    world.store.put(allOf([await world.bundle()]));
    world.store.put(await world.issue(key, encoding));
    const [response] = svidsOf(await world.request('FetchX509SVID'));
    assert.equal(response?.svids.length, 1);
    const [svid] = response.svids;
    assert.ok(svid);
    const [leaf, intermediate, ...more] = certificatesIn(svid.x509Svid);
    const [root] = certificatesIn(svid.bundle);
    assert.ok(leaf && intermediate && root);
    assert.deepEqual(more, []);
    assert.equal(leaf.subjectAltName, `URI:${WEB}`);
    assert.equal(svid.spiffeId, WEB);
    assert.ok(leaf.verify(intermediate.publicKey));
    assert.ok(intermediate.verify(root.publicKey));
    const privateKey = createPrivateKey({ key: svid.x509SvidKey, format: 'der', type: 'pkcs8' });
    assert.ok(leaf.checkPrivateKey(privateKey));
    assert.deepEqual({ crl: response.crl, federated: response.federatedBundles, hint: svid.hint }, EMPTY);
  });
}
const EMPTY = { crl: [], federated: {}, hint: '' };

test('the bundles of other trust domains come along, by the SPIFFE ID of the trust domain', async () => {
  await using world = await WorkloadWorld.create();
  const other = await world.bundle('example.org');
  await world.putAll();
  world.store.put(allOf([other, await world.bundle()]));
  const [svid] = svidsOf(await world.request('FetchX509SVID'));
  assert.deepEqual(Object.keys(svid?.federatedBundles ?? {}), ['spiffe://example.org']);
  const { call } = await world.request('FetchX509Bundles');
  const { bundles } = X509BundlesResponse.decode(call.sent[0] ?? Buffer.alloc(0));
  assert.deepEqual(Object.keys(bundles).sort(), ['spiffe://cluster.local', 'spiffe://example.org']);
  assert.equal(certificatesIn(bundles['spiffe://example.org'] ?? Buffer.alloc(0)).length, 1);
});

const BAD_HEADERS: Readonly<Record<string, Headers>> = {
  'no header': {},
  'the header false': { 'workload.spiffe.io': 'false' },
  'the header in capitals': { 'workload.spiffe.io': 'TRUE' },
  'the header with white space': { 'workload.spiffe.io': ' true' },
  'the header twice': { 'workload.spiffe.io': ['true', 'true'] },
  'a list in the header': { 'workload.spiffe.io': 'true,true' },
  'a token in its place': { authorization: 'Bearer true' },
};
for (const [what, headers] of Object.entries(BAD_HEADERS)) {
  test(`with ${what} a request is invalid, before anybody asks who calls`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    await world.putAll();
    for (const method of STREAMS) {
      const opened = await world.open(method, headers);
      assert.equal(codeOf(opened), 'request-invalid');
      assert.deepEqual(opened.call.sent, []);
    }
    for (const method of ['FetchJWTSVID', 'ValidateJWTSVID']) {
      await assert.rejects(world.unary(method, Buffer.alloc(0), headers), { code: 'request-invalid' });
    }
    assert.equal(world.authentications, 0);
    assert.equal(world.refusals.length, 5);
  });
}

const REFUSALS = {
  'token-missing': 'identity-denied',
  'token-rejected': 'identity-denied',
  'token-expired': 'identity-denied',
  'identity-denied': 'identity-denied',
  'token-verifier-unavailable': 'token-verifier-unavailable',
  'limit-exceeded': 'limit-exceeded',
} as const;
for (const [code, told] of Object.entries(REFUSALS)) {
  test(`a caller whom the authenticator answers with ${code} is told ${told}`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    await world.putAll();
    world.caller = new AgentError(code as keyof typeof REFUSALS, 'no');
    for (const method of STREAMS) {
      const opened = await world.request(method);
      assert.equal(codeOf(opened), told);
      assert.deepEqual(opened.call.sent, []);
    }
    for (const method of ['FetchJWTSVID', 'ValidateJWTSVID']) {
      await assert.rejects(world.unary(method, Buffer.alloc(0)), { code: told });
    }
    assert.equal(world.store.subscriptions, 0);
  });
}

test('no answer waits for what changes nothing, and a rotation is pushed once, whole', async () => {
  await using world = await WorkloadWorld.create();
  const first = await world.putAll();
  const opened = await world.request('FetchX509SVID');
  world.store.put(first);
  assert.equal(opened.call.sent.length, 1);
  world.store.put(await world.issue());
  assert.equal(opened.call.sent.length, 2);
  const [before, after] = svidsOf(opened);
  assert.notDeepEqual(after?.svids[0]?.x509Svid, before?.svids[0]?.x509Svid);
  assert.deepEqual(after?.svids[0]?.bundle, before?.svids[0]?.bundle);
});

test('a change of roots is pushed to streams of SVIDs and of bundles', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const [svids, bundles] = [await world.request('FetchX509SVID'), await world.request('FetchX509Bundles')];
  await world.changeRoots();
  assert.deepEqual(
    svidsOf(svids).map((response) => certificatesIn(response.svids[0]?.bundle ?? Buffer.alloc(0)).length),
    [1, 2],
  );
  assert.equal(bundles.call.sent.length, 2);
});

test('an answer that was handed over counts as acknowledged, so that a change of roots need not wait for it', async () => {
  await using world = await WorkloadWorld.create();
  const { version } = await world.putAll();
  await world.request('FetchX509SVID');
  assert.equal(world.store.acknowledged[0], `${WEB} ${version}`);
  assert.match(world.store.acknowledged[1] ?? '', /^ALL /);
  await world.request('FetchX509Bundles');
  assert.equal(world.store.acknowledged.length, 3);
});

test('what is not there is pushed when it comes, and not before its bundle is there', async () => {
  await using world = await WorkloadWorld.create();
  const opened = await world.request('FetchX509SVID');
  await world.clock.advance(seconds(4));
  world.store.put(await world.issue());
  assert.deepEqual(opened.call.sent, []);
  world.store.put(allOf([await world.bundle('example.org')]));
  assert.deepEqual(opened.call.sent, []);
  world.store.put(allOf([await world.bundle()]));
  assert.equal(opened.call.sent.length, 1);
  await world.clock.advance(minutes(10));
  assert.equal(opened.call.ended, undefined);
  assert.equal(world.clock.sleeping, 0);
});

for (const method of ['FetchX509SVID', 'FetchX509Bundles']) {
  test(`what has not come within five seconds ends ${method} with UNAVAILABLE`, async () => {
    await using world = await WorkloadWorld.create();
    const opened = await world.request(method);
    await world.clock.advance(seconds(5) - 1);
    assert.equal(opened.call.ended, undefined);
    await world.clock.advance(1);
    assert.equal(codeOf(opened), 'secret-not-ready');
    assert.deepEqual(world.results, [`${method} secret-not-ready`]);
  });
}

test('a certificate that expires is not withdrawn, and its successor is said', async () => {
  await using world = await WorkloadWorld.create();
  const certificate = await world.putAll();
  const opened = await world.request('FetchX509SVID');
  world.store.expire(certificate);
  await world.changeRoots();
  assert.equal(opened.call.sent.length, 1);
  world.store.put(await world.issue());
  assert.equal(opened.call.sent.length, 2);
});

test('to a peer that does not read nothing is queued, and the newest is said when it reads again', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const { call, handler } = await world.request('FetchX509SVID');
  call.writable = false;
  let newest = await world.issue();
  for (let times = 0; times < 20; times++) {
    newest = await world.issue();
    world.store.put(newest);
  }
  assert.equal(call.sent.length, 1);
  call.writable = true;
  handler.drained();
  handler.drained();
  assert.equal(call.sent.length, 2);
  assert.equal(world.store.acknowledged.at(-2), `${WEB} ${newest.version}`);
});

test('a stream whose token has expired is not ended: who it is, is asked again, and nothing is said twice', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const opened = await world.request('FetchX509SVID');
  world.store.sendBack(WEB);
  await settle();
  assert.equal(world.authentications, 2);
  assert.equal(opened.call.sent.length, 1);
  assert.equal(world.store.subscriptions, 2);
  world.store.put(await world.issue());
  assert.equal(opened.call.sent.length, 2);
});

test('a stream whose caller is nobody any more when it is asked again ends with PERMISSION_DENIED', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const opened = await world.request('FetchX509SVID');
  world.caller = new AgentError('token-rejected', 'the process is gone');
  world.store.sendBack(WEB);
  await settle();
  assert.equal(codeOf(opened), 'identity-denied');
});

test('a stream stays when who it is cannot be told for a while, and is pushed what comes after that', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const opened = await world.request('FetchX509SVID');
  world.caller = new AgentError('token-verifier-unavailable', 'the API server is down');
  world.store.sendBack(WEB);
  await settle();
  assert.equal(opened.call.ended, undefined);
  world.caller = callerOf(WEB);
  world.store.sendBack(WEB);
  await settle();
  world.store.put(await world.issue());
  assert.equal(opened.call.sent.length, 2);
  assert.deepEqual([world.authentications, world.store.subscriptions], [3, 2]);
});

test('a stream whose caller is somebody else when it is asked again says that identity from then on', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const opened = await world.request('FetchX509SVID');
  const other = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/other');
  world.caller = callerOf(other);
  world.store.sendBack(WEB);
  await settle();
  world.store.put(await world.issue());
  assert.equal(opened.call.sent.length, 1);
  world.store.put({ ...(await world.issue()), spiffeId: other });
  assert.equal(svidsOf(opened)[1]?.svids[0]?.spiffeId, other);
});

const REQUESTS: Readonly<Record<string, (opened: Opened) => void>> = {
  'no request': ({ handler }) => handler.halfClosed(),
  'what is no message': ({ handler }) => handler.received(Buffer.from([0xff])),
  'two requests': ({ handler }) => {
    handler.received(Buffer.alloc(0));
    handler.received(Buffer.alloc(0));
  },
};
for (const [what, send] of Object.entries(REQUESTS)) {
  test(`${what} is an invalid argument`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    for (const method of STREAMS) {
      const opened = await world.open(method);
      send(opened);
      assert.equal(codeOf(opened), 'request-invalid');
    }
  });
}

test('a stream stays open when its client says that it will send no more', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const { call, handler } = await world.request('FetchX509SVID');
  handler.halfClosed();
  assert.equal(call.ended, undefined);
});

test('a closed stream leaves no subscription, no sleep and no count behind, also one that is not known yet', async () => {
  await using world = await WorkloadWorld.create();
  const waiting = await world.request('FetchX509SVID');
  const bundles = await world.request('FetchX509Bundles');
  assert.equal(world.store.subscriptions, 3);
  assert.equal(world.streams, 2);
  for (const { handler } of [waiting, bundles]) handler.closed();
  await settle();
  assert.deepEqual([world.store.subscriptions, world.streams, world.clock.sleeping], [0, 0, 0]);
  const reasked = await world.request('FetchX509SVID');
  world.store.sendBack(WEB);
  reasked.handler.closed();
  await settle();
  assert.deepEqual([world.store.subscriptions, world.streams, world.clock.sleeping], [0, 0, 0]);
});

test('a thousand streams of one identity share one encoded answer', async () => {
  await using world = await WorkloadWorld.create();
  await world.putAll();
  const opened = await Promise.all(Array.from({ length: 1000 }, () => world.request('FetchX509SVID')));
  assert.equal(new Set(opened.map(({ call }) => call.sent[0])).size, 1);
  for (const { handler } of opened) handler.closed();
  assert.deepEqual([world.store.subscriptions, world.streams], [0, 0]);
});

test('the keys of JWT-SVIDs are pushed, by the SPIFFE ID of the trust domain, and again with a new key', async () => {
  await using world = await WorkloadWorld.create({ jwt: true });
  const { call, handler } = await world.request('FetchJWTBundles');
  await world.until(() => call.sent.length === 1);
  await world.clock.advance(minutes(60 * 24 * 6));
  await world.until(() => call.sent.length === 2, minutes(1));
  const counts = call.sent.map((message) => {
    const { bundles } = JWTBundlesResponse.decode(message);
    assert.deepEqual(Object.keys(bundles), ['spiffe://cluster.local']);
    return JSON.parse(String(bundles['spiffe://cluster.local'])).keys.length;
  });
  assert.deepEqual(counts, [1, 2]);
  handler.closed();
});

test('without an authority the JWT part is not implemented, and who calls is asked first', async () => {
  await using world = await WorkloadWorld.create();
  for (const method of ['FetchJWTSVID', 'FetchJWTBundles', 'ValidateJWTSVID']) {
    await assert.rejects(world.unary(method, Buffer.alloc(0)), { code: 'request-unimplemented' });
    await assert.rejects(world.unary(method, Buffer.alloc(0), {}), { code: 'request-invalid' });
  }
  assert.equal(world.authentications, 3);
});
