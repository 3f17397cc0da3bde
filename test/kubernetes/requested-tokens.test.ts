import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { AgentError } from '../../src/core/agent-error.ts';
import { RequestedTokens } from '../../src/kubernetes/requested-tokens.ts';
import { errorOf } from '../contracts/token-verifier.ts';
import { minutes, seconds } from '../fakes/fake-clock.ts';
import { eventually } from '../transport/eventually.ts';
import { KubernetesWorld } from './kubernetes-world.ts';

const { signal } = new AbortController();
const REQUEST = 'create serviceaccounts/token';

/** Tokens for the pods of `node-1`. */
class TokensWorld implements AsyncDisposable {
  readonly world: KubernetesWorld;
  readonly tokens: RequestedTokens;
  readonly #life = new AbortController();
  readonly #running: Promise<void>;

  private constructor(world: KubernetesWorld) {
    const { client, clock, log } = world;
    const lifetime = this.#life.signal;
    this.world = world;
    this.tokens = new RequestedTokens({
      client,
      nodeName: 'node-1',
      audience: 'istio-ca',
      clock,
      log,
      random: () => 0.5,
      lifetime,
    });
    this.#running = this.tokens.run(lifetime);
  }

  static async start(prepare: (world: KubernetesWorld) => unknown = () => undefined): Promise<TokensWorld> {
    const world = await KubernetesWorld.start();
    await prepare(world);
    return new TokensWorld(world);
  }

  /** The UID of a new pod that the watch has told of. */
  async pod(name: string, serviceAccount = 'web'): Promise<string> {
    const { uid } = this.world.api.addPod('shop', name, serviceAccount).metadata;
    // To be known, it is enough to be able to wait for it.
    await eventually('a watch is open', () => this.world.api.watches === 1);
    return uid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    await this.#running;
    await eventually('nothing is left', () => this.world.clock.sleeping === 0 && this.world.api.openRequests === 0);
    await this.world[Symbol.asyncDispose]();
  }
}

async function refusalOf(promise: Promise<unknown>): Promise<AgentError> {
  const error = await errorOf(promise);
  assert.ok(error instanceof AgentError, inspect(error));
  return error;
}

test('a pod gets a token of its own service account, for our audience, that is bound to it', async () => {
  await using started = await TokensWorld.start();
  const { api } = started.world;
  const uid = await started.pod('web-1');
  const { namespace, serviceAccount, token, expiresAtMs } = await started.tokens.obtain(uid, signal);
  assert.deepEqual([namespace, serviceAccount], ['shop', 'web']);
  assert.equal(expiresAtMs, started.world.clock.now() + minutes(60));
  const found = api.tokens.authenticate(token.reveal(), ['istio-ca']);
  assert.ok('user' in found, inspect(found));
  assert.equal(found.user.username, 'system:serviceaccount:shop:web');
  assert.deepEqual(found.user.extra['authentication.kubernetes.io/pod-uid'], [uid]);
  assert.ok('error' in api.tokens.authenticate(token.reveal(), ['vault']));
  assert.doesNotMatch(inspect(started.tokens, { depth: 9, showHidden: true }), new RegExp(token.reveal().slice(-40)));
});

test('a pod costs one request in the first four fifths of the life of its token, however many ask', async () => {
  await using started = await TokensWorld.start();
  const { api, clock } = started.world;
  const [web, other] = [await started.pod('web-1'), await started.pod('other-1', 'other')];
  const tokens = await Promise.all(Array.from({ length: 100 }, () => started.tokens.obtain(web, signal)));
  assert.equal(new Set(tokens.map(({ token }) => token.reveal())).size, 1);
  await started.tokens.obtain(other, signal);
  assert.equal(api.count(REQUEST), 2);
  await clock.advance(minutes(48) - 1);
  assert.equal(await started.tokens.obtain(web, signal), tokens[0]);
  assert.equal(started.tokens.recall(web), tokens[0]);
  await clock.advance(1);
  assert.equal(started.tokens.recall(web), undefined);
  const renewed = await started.tokens.obtain(web, signal);
  assert.equal(renewed.expiresAtMs, clock.now() + minutes(60));
  assert.equal(api.count(REQUEST), 3);
});

test('what a server gives shorter is renewed sooner', async () => {
  await using started = await TokensWorld.start(({ api }) => {
    api.maxTokenSeconds = 600;
  });
  const uid = await started.pod('web-1');
  await started.tokens.obtain(uid, signal);
  await started.world.clock.advance(minutes(8) - 1);
  assert.ok(started.tokens.recall(uid));
  await started.world.clock.advance(1);
  assert.equal(started.tokens.recall(uid), undefined);
});

test('a token that is due to be renewed is used until it expires while the server is down', async () => {
  await using started = await TokensWorld.start();
  const { api, clock } = started.world;
  const uid = await started.pod('web-1');
  const first = await started.tokens.obtain(uid, signal);
  await api.close();
  await clock.advance(minutes(50));
  assert.equal(await started.tokens.obtain(uid, signal), first);
  assert.equal(await started.tokens.obtain(uid, signal), first, 'also while the refusal stands');
  await clock.advance(minutes(10));
  assert.equal((await refusalOf(started.tokens.obtain(uid, signal))).code, 'token-source-unavailable');
});

test('a pod that has started a moment ago is waited for', async () => {
  await using started = await TokensWorld.start();
  const { api, clock } = started.world;
  await eventually('a watch is open', () => api.watches === 1);
  const uid = 'c0ffee00-0000-4000-8000-000000000001';
  const obtaining = started.tokens.obtain(uid, signal);
  await clock.advance(seconds(4));
  const spec = { nodeName: 'node-1', serviceAccountName: 'web' };
  api.addServiceAccount('shop', 'web');
  api.store('pods').put({ namespace: 'shop', name: 'web-1', uid, fields: { spec } });
  assert.equal((await obtaining).serviceAccount, 'web');
});

for (const [what, uidOf] of [
  ['that nobody knows', async () => 'c0ffee00-0000-4000-8000-000000000001'],
  [
    'of another node',
    async ({ world }: TokensWorld) => world.api.addPod('shop', 'far-1', 'far', 'node-2').metadata.uid,
  ],
] as const) {
  test(`a pod ${what} gets nothing after five seconds, and NODE_NAME is named`, async () => {
    await using started = await TokensWorld.start();
    await eventually('a watch is open', () => started.world.api.watches === 1);
    const refused = refusalOf(started.tokens.obtain(await uidOf(started), signal));
    await started.world.clock.advance(seconds(5));
    const error = await refused;
    assert.equal(error.code, 'token-rejected');
    assert.match(error.message, /node node-1; is NODE_NAME right\?/);
    assert.equal(started.world.api.count(REQUEST), 0);
  });
}

test('a pod that is gone gets no token any more, and its old one is forgotten', async () => {
  await using started = await TokensWorld.start();
  const { api, clock } = started.world;
  const uid = await started.pod('web-1');
  await started.tokens.obtain(uid, signal);
  api.store('pods').delete('shop', 'web-1');
  await eventually('it is forgotten', () => started.tokens.recall(uid) === undefined);
  const refused = refusalOf(started.tokens.obtain(uid, signal));
  await clock.advance(seconds(5));
  assert.equal((await refused).code, 'token-rejected');
});

test('a pod that was made anew under the same name does not get the token of the old one', async () => {
  await using started = await TokensWorld.start();
  const { api } = started.world;
  const old = await started.pod('web-1');
  const first = await started.tokens.obtain(old, signal);
  api.store('pods').delete('shop', 'web-1');
  const fresh = await started.pod('web-1');
  const second = await started.tokens.obtain(fresh, signal);
  assert.notEqual(first.token.reveal(), second.token.reveal());
  assert.equal(started.tokens.recall(old), undefined);
});

test('a pod that the server says is another one by now is refused, before the watch has told', async () => {
  await using started = await TokensWorld.start();
  const { api } = started.world;
  const uid = await started.pod('web-1');
  api.before = async ({ access }) => {
    if (access !== REQUEST) return;
    api.store('pods').delete('shop', 'web-1');
    api.addPod('shop', 'web-1', 'web');
  };
  const error = await refusalOf(started.tokens.obtain(uid, signal));
  assert.equal(error.code, 'token-rejected');
  assert.match(error.message, /Conflict/);
});

test('a refusal stands for five seconds, so that streams that come back ask nobody', async () => {
  await using started = await TokensWorld.start(({ api }) => api.forbidden.add(REQUEST));
  const { api, clock } = started.world;
  const uid = await started.pod('web-1');
  for (let stream = 0; stream < 50; stream++) {
    const error = await refusalOf(started.tokens.obtain(uid, signal));
    assert.equal(error.code, 'token-source-unavailable');
    assert.match(error.message, /\{apiGroups: \[""\], resources: \["serviceaccounts\/token"\], verbs: \["create"\]\}/);
  }
  assert.equal(api.count(REQUEST), 1);
  api.forbidden.clear();
  await clock.advance(seconds(5));
  assert.ok(await started.tokens.obtain(uid, signal));
});

test('while the pods of the node cannot be listed, nobody is refused for good', async () => {
  await using started = await TokensWorld.start(({ api }) => api.forbidden.add('list pods'));
  const { clock, log } = started.world;
  const { uid } = started.world.api.addPod('shop', 'web-1', 'web').metadata;
  await eventually('it is told', () => log.events.length > 0);
  const { error } = log.events[0]?.fields ?? {};
  assert.match(String(error), /resources: \["pods"\], verbs: \["list"\]/);
  assert.equal(started.tokens.isReady, false);
  const refused = refusalOf(started.tokens.obtain(uid, signal));
  await clock.advance(seconds(5));
  assert.equal((await refused).code, 'token-source-unavailable');
});

for (const [what, status] of [
  ['no token', { expirationTimestamp: '2031-01-01T00:00:00Z' }],
  ['no expiry', { token: 'a.b.c' }],
  ['an expiry that is no time', { token: 'a.b.c', expirationTimestamp: 'tomorrow' }],
  ['a token that has expired', { token: 'a.b.c', expirationTimestamp: '2029-12-31T23:59:59Z' }],
] as const) {
  test(`an answer with ${what} is none`, async () => {
    await using started = await TokensWorld.start();
    const uid = await started.pod('web-1');
    started.world.api.answer = ({ access }) => (access === REQUEST ? { status: 201, body: { status } } : undefined);
    assert.equal((await refusalOf(started.tokens.obtain(uid, signal))).code, 'token-source-unavailable');
  });
}

test('who leaves does not end the request that others wait for', async () => {
  await using started = await TokensWorld.start();
  const { api } = started.world;
  const uid = await started.pod('web-1');
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  api.before = ({ access }) => (access === REQUEST ? promise : Promise.resolve());
  const leaving = new AbortController();
  const [left, stayed] = [started.tokens.obtain(uid, leaving.signal), started.tokens.obtain(uid, signal)];
  await eventually('it is asked', () => api.count(REQUEST) === 1);
  leaving.abort();
  assert.equal((await refusalOf(left)).code, 'request-cancelled');
  release();
  assert.ok(await stayed);
});
