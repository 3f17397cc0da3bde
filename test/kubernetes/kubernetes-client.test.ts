import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { AgentError, type ErrorCode } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { ApiRequest } from '../../src/kubernetes/api-request.ts';
import { KubernetesClient } from '../../src/kubernetes/kubernetes-client.ts';
import { readList, readText } from '../../src/kubernetes/read-path.ts';
import { FakeClock, seconds, settle } from '../fakes/fake-clock.ts';
import type { CannedApiAnswer } from '../fakes/kubernetes/api-answers.ts';
import { createLoopbackCa } from '../identity/loopback-certificate.ts';
import { eventually } from '../transport/eventually.ts';
import { KubernetesWorld } from './kubernetes-world.ts';

const { signal } = new AbortController();
const PODS: ApiRequest = { verb: 'list', target: { group: '', version: 'v1', resource: 'pods' } };
const REVIEW: ApiRequest = {
  verb: 'create',
  target: { group: 'authentication.k8s.io', version: 'v1', resource: 'tokenreviews' },
  body: { spec: { token: new Redacted('eyJ.secret-token-of-a-workload.sig'), audiences: ['istio-ca'] } },
};

async function errorOf(promise: Promise<unknown>): Promise<AgentError> {
  const thrown = await promise.then(
    () => assert.fail('nothing was thrown'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof AgentError, inspect(thrown));
  return thrown;
}

test('it asks with the token of its file, and says which access it needs by its path', async () => {
  await using world = await KubernetesWorld.start();
  world.api.addPod('shop', 'web-1', 'web');
  const page = await world.client.ask({ ...PODS, query: { fieldSelector: 'spec.nodeName=node-1' } }, signal);
  assert.equal(readText(page, 'kind'), 'PodList');
  assert.equal(readText(readList(page, 'items')[0], 'metadata', 'name'), 'web-1');
  assert.deepEqual(
    world.api.seen.map(({ access, path }) => [access, path]),
    [['list pods', '/api/v1/pods']],
  );
});

test('a secret in the body is revealed to the server alone', async () => {
  await using world = await KubernetesWorld.start();
  await world.client.ask(REVIEW, signal);
  assert.equal(world.api.seen[0]?.body.spec?.token, 'eyJ.secret-token-of-a-workload.sig');
  assert.doesNotMatch(inspect(REVIEW, { depth: 9 }), /secret-token/);
});

test('a server is verified by the roots of the file, which may be replaced at any time', async () => {
  const [mine, other] = [await createLoopbackCa(), await createLoopbackCa()];
  await using world = await KubernetesWorld.start({ ...(await mine.issue()), ca: other.ca });
  const error = await errorOf(world.client.ask(PODS, signal));
  assert.equal(error.code, 'kubernetes-unavailable');
  assert.match(error.message, /not to be trusted: look at KUBERNETES_API_CA_FILE/);
  await writeFile(world.caFile, `${other.ca}\n${mine.ca}`);
  assert.equal(readText(await world.client.ask(PODS, signal), 'kind'), 'PodList');
});

test('a token that was replaced in its file is shown from then on', async () => {
  await using world = await KubernetesWorld.start();
  await world.client.ask(PODS, signal);
  const fresh = world.api.agentToken(7200);
  await world.writeToken(fresh);
  await world.client.ask(PODS, signal);
  assert.equal(world.api.seen.at(-1)?.headers.authorization, `Bearer ${fresh}`);
});

test('a token that is replaced while it is under way is no failure', async () => {
  await using world = await KubernetesWorld.start();
  const old = world.api.agentToken(601);
  await world.writeToken(old);
  world.api.before = async () => {
    if (world.api.seen.length > 1) return;
    world.api.tokens.revoked.add(old);
    await world.writeToken(world.api.agentToken(602));
  };
  assert.equal(readText(await world.client.ask(PODS, signal), 'kind'), 'PodList');
  assert.equal(world.api.seen.length, 2);
});

for (const [what, prepare, setting] of [
  ['is not there', (world: KubernetesWorld) => rm(world.tokenFile), 'KUBERNETES_API_TOKEN_FILE'],
  ['is empty', (world: KubernetesWorld) => world.writeToken(''), 'KUBERNETES_API_TOKEN_FILE'],
  ['has expired', (world: KubernetesWorld) => world.clock.advance(seconds(3700)), 'KUBERNETES_API_TOKEN_FILE'],
] as const) {
  test(`a token of its own that ${what} is told with the setting, and asked with once`, async () => {
    await using world = await KubernetesWorld.start();
    await prepare(world);
    const error = await errorOf(world.client.ask(PODS, signal));
    assert.equal(error.code, 'kubernetes-credential-unusable');
    assert.match(error.message, new RegExp(setting));
    assert.ok(world.api.seen.length <= 1);
  });
}

interface Fault {
  readonly what: string;
  readonly answer: CannedApiAnswer;
  readonly code: ErrorCode;
  readonly message: RegExp;
}

const FAULTS: readonly Fault[] = [
  {
    what: 'a 409 in its own way',
    answer: {
      status: 409,
      body: { kind: 'Status', reason: 'Conflict', message: 'secret-token-of-a-workload', code: 409 },
    },
    code: 'kubernetes-request-refused',
    message: /answered 409 \(Conflict\) to create tokenreviews\.authentication\.k8s\.io$/,
  },
  {
    what: 'a 500 in its own way',
    answer: { status: 500, body: { kind: 'Status', reason: 'InternalError', message: 'x' } },
    code: 'kubernetes-unavailable',
    message: /answered 500 \(InternalError\)/,
  },
  { what: 'a 502 of a proxy', answer: { status: 502, body: '<html>' }, code: 'kubernetes-unavailable', message: /502/ },
  {
    what: 'a 429 without a time',
    answer: { status: 429, body: 'Too many requests, please try again later.\n' },
    code: 'kubernetes-overloaded',
    message: /come back later/,
  },
  {
    what: 'a 404 of somebody else',
    answer: { status: 404, body: '<html>secret-token-of-a-workload</html>' },
    code: 'kubernetes-answer-invalid',
    message: /not in its own way: look at KUBERNETES_API_SERVER/,
  },
  {
    what: 'a redirect, which is not followed with a token',
    answer: { status: 302, headers: { location: 'http://localhost:1/' } },
    code: 'kubernetes-answer-invalid',
    message: /answered 302/,
  },
  {
    what: 'what is no JSON',
    answer: { status: 200, body: '<html>secret-token-of-a-workload</html>' },
    code: 'kubernetes-answer-invalid',
    message: /no JSON object/,
  },
  {
    what: 'JSON that is no object',
    answer: { status: 200, body: '"secret-token-of-a-workload"' },
    code: 'kubernetes-answer-invalid',
    message: /no JSON object/,
  },
  {
    what: 'a reason that is no word',
    answer: { status: 400, body: { reason: 'secret-token-of-a-workload' } },
    code: 'kubernetes-answer-invalid',
    message: /answered 400 to/,
  },
];

for (const { what, answer, code, message } of FAULTS) {
  test(`${what} is ${code}, and nothing that was sent is repeated`, async () => {
    await using world = await KubernetesWorld.start();
    world.api.answer = () => answer;
    const error = await errorOf(world.client.ask(REVIEW, signal));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.doesNotMatch(inspect(error, { depth: 9 }), /secret-token/);
    assert.equal(world.api.seen.length, 1);
  });
}

for (const [request, rule] of [
  [REVIEW, '{apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"]}'],
  [PODS, '{apiGroups: [""], resources: ["pods"], verbs: ["list"]}'],
  [
    {
      verb: 'create',
      target: {
        group: '',
        version: 'v1',
        resource: 'serviceaccounts',
        namespace: 'shop',
        name: 'web',
        subresource: 'token',
      },
      body: { spec: {} },
    },
    '{apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"]}',
  ],
  [{ verb: 'get', target: '/openid/v1/jwks' }, '{nonResourceURLs: ["/openid/v1/jwks"], verbs: ["get"]}'],
] as const satisfies readonly (readonly [ApiRequest, string])[]) {
  test(`what it may not do is told with who asks and the rule to add: ${rule}`, async () => {
    await using world = await KubernetesWorld.start();
    for (const access of ['create tokenreviews', 'list pods', 'create serviceaccounts/token', 'get /openid/v1/jwks']) {
      world.api.forbidden.add(access);
    }
    const error = await errorOf(world.client.ask(request, signal));
    assert.equal(error.code, 'kubernetes-permission-denied');
    assert.ok(error.message.includes('"system:serviceaccount:sds-system:sds-node-agent"'), error.message);
    assert.ok(error.message.endsWith(`give it the rule ${rule}`), error.message);
  });
}

test('it waits as long as the server asks it to, and asks again', async () => {
  await using world = await KubernetesWorld.start();
  let refusals = 2;
  world.api.answer = () =>
    refusals-- > 0 ? { status: 429, headers: { 'retry-after': '2' }, body: 'Too many requests' } : undefined;
  const asked = world.client.ask(PODS, signal);
  await eventually('the first refusal', () => world.clock.sleeping === 2);
  assert.equal(world.api.seen.length, 1);
  await world.clock.advance(seconds(2));
  await eventually('the second refusal', () => world.api.seen.length === 2 && world.clock.sleeping === 2);
  await world.clock.advance(seconds(2));
  assert.equal(readText(await asked, 'kind'), 'PodList');
  assert.equal(world.clock.sleeping, 0);
});

test('a server that asks to come back much later is not waited for, and nobody else asks it meanwhile', async () => {
  await using world = await KubernetesWorld.start();
  world.api.answer = () => ({ status: 429, headers: { 'retry-after': '3600' }, body: 'Too many requests' });
  const error = await errorOf(world.client.ask(PODS, signal));
  assert.equal(error.code, 'kubernetes-overloaded');
  assert.equal(error.retryAfterMs, seconds(10));
  const another = errorOf(world.client.ask(PODS, signal));
  await settle();
  assert.equal(world.api.seen.length, 1);
  await world.clock.advance(seconds(10));
  await another;
});

test('a server that accepts and says nothing is given up after ten seconds, with its connection', async () => {
  await using world = await KubernetesWorld.start();
  world.api.answer = () => 'hang';
  const asked = errorOf(world.client.ask(PODS, signal));
  await eventually('it is asked', () => world.api.openRequests === 1);
  await world.clock.advance(seconds(10));
  assert.equal((await asked).code, 'kubernetes-timeout');
  await eventually('the connection is closed', () => world.api.openRequests === 0);
  assert.equal(world.clock.sleeping, 0);
});

test('who leaves closes what was asked for', async () => {
  await using world = await KubernetesWorld.start();
  world.api.answer = () => 'hang';
  const leaving = new AbortController();
  const asked = errorOf(world.client.ask(PODS, leaving.signal));
  await eventually('it is asked', () => world.api.openRequests === 1);
  leaving.abort();
  assert.equal((await asked).code, 'request-cancelled');
  await eventually('the connection is closed', () => world.api.openRequests === 0);
  assert.equal(world.clock.sleeping, 0);
});

test('a server that is down is unavailable, and works again as soon as it is back', async () => {
  await using world = await KubernetesWorld.start();
  await world.client.ask(PODS, signal);
  await world.api.close();
  assert.equal((await errorOf(world.client.ask(PODS, signal))).code, 'kubernetes-unavailable');
  await world.api.listen();
  await world.client.ask(PODS, signal);
});

test('what does not speak HTTP is no API server', async (t) => {
  const server = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH\r\n'));
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const clock = new FakeClock();
  const client = new KubernetesClient({ server: url, caFile: undefined, tokenFile: undefined, clock });
  const error = await errorOf(client.ask(PODS, signal));
  assert.equal(error.code, 'kubernetes-answer-invalid');
  assert.doesNotMatch(inspect(error, { depth: 9 }), /OpenSSH/);
});

test('one connection serves what is asked one after the other, and a storm gets sixteen', async () => {
  await using world = await KubernetesWorld.start();
  for (let time = 0; time < 20; time++) await world.client.ask(PODS, signal);
  assert.equal(world.api.connections, 1);
  await Promise.all(Array.from({ length: 200 }, () => world.client.ask(PODS, new AbortController().signal)));
  assert.ok(world.api.connections <= 16, `${world.api.connections} connections`);
});

test('a kept connection that the server closes at the wrong moment is no failure', async () => {
  await using world = await KubernetesWorld.start();
  await world.client.ask(PODS, signal);
  let isFirst = true;
  world.api.before = async () => {
    if (isFirst) world.api.dropConnections();
    isFirst = false;
  };
  await world.client.ask(PODS, signal);
  assert.equal(world.api.connections, 2);
});
