import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { Attestation } from '../../src/core/peer-attestor.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { WorkloadToken, WorkloadTokens } from '../../src/core/workload-tokens.ts';
import { AttestedAuthenticator } from '../../src/identity/attested-authenticator.ts';
import { byTokenOr } from '../../src/identity/by-token-or.ts';
import { RecordingCall } from '../fakes/recording-call.ts';
import { RecordingTokenMeter } from './fake-verifier.ts';

const POD = 'c0ffee00-0000-4000-8000-000000000001';

/** Knows one pod. */
class OnePod implements WorkloadTokens {
  readonly token: WorkloadToken = {
    namespace: 'shop',
    serviceAccount: 'web',
    token: new Redacted('a.b.c'),
    expiresAtMs: 1000,
  };
  isAtHand = false;
  asked = 0;

  recall(podUid: string): WorkloadToken | undefined {
    return this.isAtHand && podUid === POD ? this.token : undefined;
  }

  async obtain(podUid: string): Promise<WorkloadToken> {
    this.asked++;
    if (podUid !== POD) throw new AgentError('token-rejected', 'no such pod');
    return this.token;
  }
}

function world(sharing: 'service-account' | 'pod' = 'service-account') {
  const tokens = new OnePod();
  const meter = new RecordingTokenMeter();
  return {
    tokens,
    meter,
    authenticator: new AttestedAuthenticator({ tokens, trustDomain: 'cluster.local', sharing, meter }),
  };
}

function callOf(attestation?: Attestation, headers: Readonly<Record<string, string>> = {}): RecordingCall {
  const call = new RecordingCall(headers);
  call.peer = { pid: 7, uid: 0, gid: 0, ...(attestation && { attestation }) };
  return call;
}

test("a process in a pod is that pod's service account, with a token to show and a way to a fresh one", async () => {
  const { authenticator, tokens, meter } = world();
  const call = callOf({ kind: 'pod', podUid: POD });
  assert.equal(authenticator.recognize(call), undefined);
  const { freshToken, ...caller } = await authenticator.authenticate(call);
  const spiffeId = 'spiffe://cluster.local/ns/shop/sa/web';
  assert.deepEqual(caller, {
    identity: { spiffeId, key: spiffeId },
    token: tokens.token.token,
    tokenExpiresAtMs: 1000,
    podUid: POD,
  });
  assert.equal((await freshToken?.(call.signal))?.token, tokens.token.token);
  assert.ok(call.known);
  assert.deepEqual(meter.results, ['attested ok']);
});

test('a pod whose token is at hand is recognized at once', () => {
  const { authenticator, tokens } = world('pod');
  tokens.isAtHand = true;
  const caller = authenticator.recognize(callOf({ kind: 'pod', podUid: POD }));
  assert.equal(caller?.identity.key, `spiffe://cluster.local/ns/shop/sa/web#${POD}`);
  assert.equal(tokens.asked, 0);
});

for (const [what, call, code] of [
  ['a process in no pod', callOf({ kind: 'no-pod' }), 'peer-refused'],
  ['a process of which the kernel does not tell', callOf({ kind: 'unknown', reason: 'it is gone' }), 'peer-unknown'],
  ['a process that nobody attested', callOf(), 'peer-unknown'],
  ['a caller over TCP', new RecordingCall(), 'peer-unknown'],
  ['a pod of another node', callOf({ kind: 'pod', podUid: 'other' }), 'token-rejected'],
  [
    'a process in no pod that says that it is in one',
    callOf({ kind: 'no-pod' }, { 'x-pod-uid': POD, podUid: POD, attestation: POD }),
    'peer-refused',
  ],
] as const) {
  test(`${what} is ${code}, and nobody`, async () => {
    const { authenticator, meter } = world();
    await assert.rejects(authenticator.authenticate(call), { code });
    assert.equal(authenticator.recognize(call), undefined);
    assert.equal(call.known, false);
    assert.deepEqual(meter.results, [`attested ${code}`]);
  });
}

test('who shows a token is known by it alone, a bad one included; who shows none, by the kernel', async () => {
  const { authenticator } = world();
  const byToken = {
    recognize: () => undefined,
    authenticate: () => Promise.reject(new AgentError('token-rejected', 'a bad token')),
  };
  const either = byTokenOr(byToken, authenticator);
  const attestation = { kind: 'pod', podUid: POD } as const;
  for (const header of ['authorization', 'istio_sds_credentials_header-bin', 'istio_sds_credentail_header-bin']) {
    for (const value of ['Bearer x.y.z', '']) {
      await assert.rejects(either.authenticate(callOf(attestation, { [header]: value })), { message: 'a bad token' });
    }
  }
  assert.equal((await either.authenticate(callOf(attestation))).podUid, POD);
});
