import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerCredentials } from '../../src/core/caller.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { UidAuthenticator } from '../../src/identity/uid-authenticator.ts';
import { RecordingCall } from '../fakes/recording-call.ts';

const WEB = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
const NODE = parseSpiffeId('spiffe://cluster.local/node');
const authenticator = new UidAuthenticator(
  new Map([
    [1000, WEB],
    [0, NODE],
  ]),
);

function callOf(peer: PeerCredentials | undefined): RecordingCall {
  const call = new RecordingCall({ authorization: 'Bearer x', uid: '0' });
  call.peer = peer;
  return call;
}

test('a user of the list is who the list says, for as long as it lives, and nothing else of it counts', async () => {
  for (const [uid, spiffeId] of [
    [1000, WEB],
    [0, NODE],
  ] as const) {
    const call = callOf({ pid: 1, uid, gid: 1000 });
    const caller = await authenticator.authenticate(call);
    assert.deepEqual(authenticator.recognize(call), caller);
    assert.deepEqual(caller.identity, { spiffeId, key: spiffeId });
    assert.equal(caller.tokenExpiresAtMs, Number.POSITIVE_INFINITY);
    assert.equal(caller.token.reveal(), '');
    assert.ok(call.known, 'the transport knows it for no stranger');
  }
});

for (const peer of [{ pid: 1000, uid: 1001, gid: 1000 }, { pid: 1, uid: 4_294_967_294, gid: 0 }, undefined]) {
  test(`${JSON.stringify(peer)} is nobody`, async () => {
    const call = callOf(peer);
    assert.equal(authenticator.recognize(call), undefined);
    await assert.rejects(authenticator.authenticate(call), { code: 'identity-denied' });
    assert.ok(!call.known);
  });
}
