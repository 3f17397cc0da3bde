import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { Caller } from '../../src/core/caller.ts';
import { toGrpcStatus, toHttpStatus } from '../../src/core/grpc-status.ts';
import type { PeerVerdict } from '../../src/core/meters.ts';
import type { Attestation } from '../../src/core/peer-attestor.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Call } from '../../src/core/rpc.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { attested } from '../../src/identity/attested.ts';
import { FakeClock, minutes } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const POD = 'bd445127-8720-434d-b38c-d308e9ff9b59';
const OTHER_POD = '7165a37d-fa49-4f53-b8f1-5793f523e617';
const { signal } = new AbortController();

/** @param podUid that the token is bound to; null: it is bound to none */
function world(mode: 'warn' | 'enforce', podUid: string | null = POD) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const compared: PeerVerdict[] = [];
  const spiffeId = serviceAccountId('cluster.local', 'shop', 'web');
  const identity = { spiffeId, key: spiffeId };
  const token = new Redacted('web.claims.signature');
  const caller: Caller = { identity, token, tokenExpiresAtMs: 0, ...(podUid !== null && { podUid }) };
  const asked: Call[] = [];
  const inner = {
    failure: undefined as AgentError | undefined,
    recognize: () => (inner.failure === undefined ? caller : undefined),
    async authenticate(call: Call) {
      asked.push(call);
      if (inner.failure !== undefined) throw inner.failure;
      return caller;
    },
  };
  const meter = { compared: (verdict: PeerVerdict) => void compared.push(verdict) };
  return { authenticator: attested(inner, { mode, meter, clock, log }), inner, caller, asked, compared, log, clock };
}

function callFrom(attestation: Attestation | undefined, pid = 42): Call {
  const peer = { pid, uid: 1000, gid: 1000, ...(attestation && { attestation }) };
  return { path: '/test', metadata: { getAll: () => [] }, connectionId: 1, peer, signal, callerKnown: () => undefined };
}

const inPod: Attestation = { kind: 'pod', podUid: POD };

for (const mode of ['warn', 'enforce'] as const) {
  test(`with ${mode} a token is believed from the pod that it is bound to`, async () => {
    const { authenticator, caller, compared, log } = world(mode);
    assert.equal(await authenticator.authenticate(callFrom(inPod)), caller);
    assert.deepEqual(compared, ['ok']);
    assert.deepEqual(log.events, []);
  });

  test(`with ${mode} a known token is recognized at once in the pod that it is bound to`, () => {
    const { authenticator, inner, caller, compared } = world(mode);
    assert.equal(authenticator.recognize(callFrom(inPod)), caller);
    assert.deepEqual(compared, ['ok']);
    inner.failure = new AgentError('token-expired', 'the token expired');
    assert.equal(authenticator.recognize(callFrom(inPod)), undefined);
    assert.deepEqual(compared, ['ok']);
  });
}

const DIFFERENCES: readonly {
  readonly what: string;
  readonly call: Call;
  readonly podOfToken?: null;
  readonly verdict: PeerVerdict;
  readonly code: 'peer-refused' | 'peer-unknown';
  readonly message: RegExp;
}[] = [
  {
    what: 'another pod than that of the token',
    call: callFrom({ kind: 'pod', podUid: OTHER_POD }),
    verdict: 'other-pod',
    code: 'peer-refused',
    message: /^the token is bound to another pod than the one that the process that connected is in$/,
  },
  {
    what: 'outside all pods',
    call: callFrom({ kind: 'no-pod' }),
    verdict: 'no-pod',
    code: 'peer-refused',
    message: /^the process that connected is in no pod$/,
  },
  {
    what: 'a pod, with a token of none',
    call: callFrom(inPod),
    podOfToken: null,
    verdict: 'unbound-token',
    code: 'peer-refused',
    message: /bound to no pod: use a projected token/,
  },
  {
    what: 'a place that the kernel does not tell',
    call: callFrom({ kind: 'unknown', reason: 'its process is gone' }),
    verdict: 'unknown',
    code: 'peer-unknown',
    message: /cannot be told: its process is gone$/,
  },
  {
    what: 'a connection whose peer nobody asked about',
    call: callFrom(undefined),
    verdict: 'unknown',
    code: 'peer-unknown',
    message: /does not say who has connected/,
  },
  {
    what: 'a connection without a peer',
    call: { ...callFrom(undefined), peer: undefined },
    verdict: 'unknown',
    code: 'peer-unknown',
    message: /does not say who has connected/,
  },
];

for (const { what, call, podOfToken = POD, verdict, code, message } of DIFFERENCES) {
  test(`with enforce a call from ${what} is refused, counted, and told no pod`, async () => {
    const { authenticator, compared } = world('enforce', podOfToken);
    await assert.rejects(authenticator.authenticate(call), (error) => {
      assert.ok(error instanceof AgentError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, new RegExp(`${POD}|${OTHER_POD}`));
      return true;
    });
    assert.deepEqual(compared, [verdict]);
  });

  test(`with enforce a call from ${what} is not recognized either, with a token that is known`, () => {
    const { authenticator, compared } = world('enforce', podOfToken);
    assert.equal(authenticator.recognize(call), undefined);
    assert.deepEqual(compared, []);
  });

  test(`with warn a call from ${what} is served, counted, and logged`, async () => {
    const { authenticator, caller, compared, log } = world('warn', podOfToken);
    assert.equal(authenticator.recognize(call), caller);
    assert.equal(await authenticator.authenticate(call), caller);
    assert.deepEqual(compared, [verdict, verdict]);
    assert.equal(log.events.length, 1);
    const [{ fields: { reason } = {} } = {}] = log.events;
    assert.match(String(reason), message);
  });
}

test('with enforce, nobody verifies the token of a process that is in no pod', async () => {
  const { authenticator, asked } = world('enforce');
  await assert.rejects(authenticator.authenticate(callFrom({ kind: 'no-pod' })), { code: 'peer-refused' });
  await assert.rejects(authenticator.authenticate(callFrom(undefined)), { code: 'peer-unknown' });
  assert.equal(asked.length, 0);
});

test('a token that is not accepted is refused for that, and compared with nothing', async () => {
  for (const mode of ['warn', 'enforce'] as const) {
    const { authenticator, inner, compared } = world(mode);
    inner.failure = new AgentError('token-expired', 'the token expired');
    await assert.rejects(authenticator.authenticate(callFrom(inPod)), { code: 'token-expired' });
    assert.deepEqual(compared, []);
  }
});

test('the log of a refusal has the pods, which the caller is not told', async () => {
  const { authenticator } = world('enforce');
  await assert.rejects(authenticator.authenticate(callFrom({ kind: 'pod', podUid: OTHER_POD })), (error) => {
    assert.ok(error instanceof AgentError);
    assert.match(String(error.cause), new RegExp(`${OTHER_POD}.*${POD}`));
    return true;
  });
});

test('what repeats is logged once a minute, and each kind of difference by itself', async () => {
  const { authenticator, log, clock, compared } = world('warn');
  for (let times = 0; times < 3; times++) await authenticator.authenticate(callFrom({ kind: 'no-pod' }));
  await authenticator.authenticate(callFrom({ kind: 'pod', podUid: OTHER_POD }));
  assert.equal(log.events.length, 2);
  await clock.advance(minutes(1));
  await authenticator.authenticate(callFrom({ kind: 'no-pod' }));
  assert.equal(log.events.length, 3);
  const { alsoServed } = log.events[2]?.fields ?? {};
  assert.equal(alsoServed, 2);
  assert.equal(compared.length, 5);
});

test('that processes cannot be seen is said by the start of the agent, and here only counted', async () => {
  const { authenticator, log, compared } = world('warn');
  await authenticator.authenticate(callFrom({ kind: 'unknown', reason: 'it needs hostPID' }, 0));
  assert.deepEqual(log.events, []);
  assert.deepEqual(compared, ['unknown']);
});

test('a process that is known and refused is denied, one that is not known is a stranger', () => {
  assert.equal(toGrpcStatus('peer-refused'), 'PERMISSION_DENIED');
  assert.equal(toGrpcStatus('peer-unknown'), 'UNAUTHENTICATED');
  assert.deepEqual([toHttpStatus('peer-refused'), toHttpStatus('peer-unknown')], [403, 401]);
});
