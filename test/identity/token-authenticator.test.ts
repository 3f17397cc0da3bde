import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { Call } from '../../src/core/rpc.ts';
import { remembered } from '../../src/identity/remembered.ts';
import { TokenAuthenticator } from '../../src/identity/token-authenticator.ts';
import { FakeClock, hours } from '../fakes/fake-clock.ts';
import { FakeVerifier, RecordingTokenMeter } from './fake-verifier.ts';

const { signal } = new AbortController();

function world(sharing: 'service-account' | 'pod' = 'service-account') {
  const clock = new FakeClock();
  const inner = new FakeVerifier(clock.now() + hours(1));
  const meter = new RecordingTokenMeter();
  const verifier = remembered(inner, { clock, meter, lifetime: signal });
  return { clock, inner, meter, authenticator: new TokenAuthenticator({ verifier, meter, sharing }) };
}

function callWith(authorization: string | undefined) {
  const call = {
    path: '/test',
    metadata: {
      getAll: (name: string) => (name === 'authorization' && authorization !== undefined ? [authorization] : []),
    },
    connectionId: 1,
    peer: undefined,
    signalsMade: 0,
    known: false,
    callerKnown() {
      this.known = true;
    },
    get signal() {
      this.signalsMade++;
      return signal;
    },
  };
  return call satisfies Call;
}

test('a caller is who the token says, until the token expires', async () => {
  const { authenticator, clock } = world();
  const caller = await authenticator.authenticate(callWith('Bearer web.claims.signature'));
  assert.equal(caller.identity.spiffeId, 'spiffe://cluster.local/ns/shop/sa/web');
  assert.equal(caller.identity.key, caller.identity.spiffeId);
  assert.equal(caller.token.reveal(), 'web.claims.signature');
  assert.equal(caller.tokenExpiresAtMs, clock.now() + hours(1));
});

test('a call is told that its caller is known, and only then', async () => {
  const { authenticator, inner } = world('pod');
  const good = callWith('web.claims.good');
  await authenticator.authenticate(good);
  assert.equal(good.known, true);
  inner.podUid = undefined;
  const refused = callWith('web.claims.refused');
  await assert.rejects(authenticator.authenticate(refused));
  assert.equal(refused.known, false);
});

test('where pods do not share, the key has the pod UID', async () => {
  const { authenticator, inner } = world('pod');
  const one = await authenticator.authenticate(callWith('web.claims.one'));
  inner.podUid = 'pod-2';
  const two = await authenticator.authenticate(callWith('web.claims.two'));
  assert.equal(one.identity.key, 'spiffe://cluster.local/ns/shop/sa/web#pod-1');
  assert.equal(two.identity.key, 'spiffe://cluster.local/ns/shop/sa/web#pod-2');
  assert.equal(one.identity.spiffeId, two.identity.spiffeId);
});

test('where pods do not share, a token of no pod is refused, and the error says why', async () => {
  const { authenticator, inner } = world('pod');
  inner.podUid = undefined;
  await assert.rejects(authenticator.authenticate(callWith('web.claims.signature')), {
    code: 'token-rejected',
    message: /bound to no pod/,
  });
});

test('a call without token is refused and counted, and nobody verifies anything', async () => {
  const { authenticator, inner, meter } = world();
  await assert.rejects(authenticator.authenticate(callWith(undefined)), { code: 'token-missing' });
  await assert.rejects(authenticator.authenticate(callWith('nonsense')), { code: 'token-malformed' });
  assert.deepEqual(meter.results, ['fake token-missing', 'fake token-malformed']);
  assert.equal(inner.verified.length, 0);
});

test('what the verifier says is passed on', async () => {
  const { authenticator, inner } = world();
  inner.failure = new AgentError('token-expired', 'the token expired');
  await assert.rejects(authenticator.authenticate(callWith('web.claims.signature')), { code: 'token-expired' });
});

test('a known token costs no verification and not even a signal', async () => {
  const { authenticator, inner } = world();
  await authenticator.authenticate(callWith('web.claims.signature'));
  const again = callWith('web.claims.signature');
  await authenticator.authenticate(again);
  assert.equal(inner.verified.length, 1);
  assert.equal(again.signalsMade, 0);
});

test('a caller is recognized at once by a token that was verified before, and by no other', async () => {
  const { authenticator, clock, meter } = world();
  assert.equal(authenticator.recognize(callWith('web.claims.signature')), undefined);
  const caller = await authenticator.authenticate(callWith('web.claims.signature'));
  const known = authenticator.recognize(callWith('web.claims.signature'));
  assert.deepEqual(known?.identity, caller.identity);
  assert.equal(known?.token.reveal(), 'web.claims.signature');
  assert.equal(authenticator.recognize(callWith('web.claims.other')), undefined);
  assert.equal(authenticator.recognize(callWith('nonsense')), undefined);
  assert.equal(authenticator.recognize(callWith(undefined)), undefined);
  assert.deepEqual(meter.results, ['fake remembered']);
  await clock.advance(hours(1));
  assert.equal(authenticator.recognize(callWith('web.claims.signature')), undefined);
});

test('where pods do not share, a known token of no pod is not recognized', async () => {
  const { authenticator, inner } = world('pod');
  inner.podUid = undefined;
  await assert.rejects(authenticator.authenticate(callWith('web.claims.signature')), { code: 'token-rejected' });
  assert.equal(authenticator.recognize(callWith('web.claims.signature')), undefined);
});
