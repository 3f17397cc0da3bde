import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { probeVerifier } from '../../src/identity/probe-verifier.ts';
import { TokenReviewVerifier } from '../../src/identity/token-review-verifier.ts';
import { ApiTokenReviewer } from '../../src/kubernetes/api-token-reviewer.ts';
import { assertUntold, describeTokenVerifier, errorOf } from '../contracts/token-verifier.ts';
import { hours, minutes, seconds } from '../fakes/fake-clock.ts';
import { KUBERNETES_ISSUER } from '../fakes/kubernetes/kubernetes-tokens.ts';
import { eventually } from '../transport/eventually.ts';
import { KubernetesWorld } from './kubernetes-world.ts';
import { startReviews } from './review-world.ts';

const { signal } = new AbortController();
const REVIEW = 'create tokenreviews';

describeTokenVerifier('the verifier that has tokens reviewed', async () => {
  const world = await KubernetesWorld.start();
  after(() => world[Symbol.asyncDispose]());
  const { api, client, clock } = world;
  const reviewer = new ApiTokenReviewer(client);
  const verifier = new TokenReviewVerifier({ reviewer, trustDomain: 'cluster.local', audiences: ['istio-ca'], clock });
  const withoutGoodFor = {
    name: verifier.name,
    async verify(...args: Parameters<typeof verifier.verify>) {
      const { goodForMs: _, ...verified } = await verifier.verify(...args);
      return verified;
    },
  };
  return {
    verifier: withoutGoodFor,
    clock,
    issuer: KUBERNETES_ISSUER,
    publicKeyText: api.tokens.publicPem,
    sign(claims, header) {
      const { sub, 'kubernetes.io': bound } = claims;
      const [, namespace = '', name = ''] = /^system:serviceaccount:([a-z-]+):([a-z0-9-]+)$/.exec(String(sub)) ?? [];
      const serviceaccount =
        name === '' ? undefined : { name, uid: api.addServiceAccount(namespace, name).metadata.uid };
      const pod = typeof bound === 'object' && bound !== null && 'pod' in bound ? bound.pod : undefined;
      if (typeof pod === 'object' && pod !== null && 'name' in pod && 'uid' in pod) {
        api.store('pods').put({ namespace, name: String(pod.name), uid: String(pod.uid) });
      }
      return api.tokens.sign({ ...claims, 'kubernetes.io': { ...Object(bound), serviceaccount } }, header);
    },
  };
});

test('a token costs one review in five minutes, however many streams present it', async () => {
  const { world, verifier } = await startReviews();
  await using _ = world;
  const token = new Redacted(world.api.podToken(world.api.addPod('shop', 'web-1', 'web')));
  for (let minute = 0; minute < 15; minute++) {
    await Promise.all(Array.from({ length: 1000 }, () => verifier.verify(token, signal)));
    await world.clock.advance(minutes(1));
  }
  assert.equal(world.api.count(REVIEW), 3);
});

test('a pod that is deleted takes its token along within five minutes', async () => {
  const { world, verifier } = await startReviews();
  await using _ = world;
  const token = new Redacted(world.api.podToken(world.api.addPod('shop', 'web-1', 'web')));
  const { podUid } = await verifier.verify(token, signal);
  assert.equal(podUid, world.api.store('pods').get('shop', 'web-1')?.metadata.uid);
  world.api.store('pods').delete('shop', 'web-1');
  await world.clock.advance(minutes(5));
  assert.equal(verifier.recall(token), undefined);
  await assert.rejects(verifier.verify(token, signal), {
    code: 'token-rejected',
    message: /gone, or another one by now/,
  });
});

for (const [what, change] of [
  [
    'pod was made anew under its name',
    (world: KubernetesWorld) => {
      world.api.store('pods').delete('shop', 'web-1');
      world.api.addPod('shop', 'web-1', 'web');
    },
  ],
  ['service account is gone', (world: KubernetesWorld) => world.api.store('serviceaccounts').delete('shop', 'web')],
] as const) {
  test(`a token whose ${what} is refused`, async () => {
    const { world, verifier } = await startReviews();
    await using _ = world;
    const token = new Redacted(world.api.podToken(world.api.addPod('shop', 'web-1', 'web')));
    change(world);
    await assert.rejects(verifier.verify(token, signal), { code: 'token-rejected', message: /gone, or another one/ });
  });
}

test('a refused token costs one review, whoever presents it, and is looked at again after five seconds', async () => {
  const { world, verifier, meter } = await startReviews();
  await using _ = world;
  const { api, clock } = world;
  const pod = api.addPod('shop', 'web-1', 'web');
  const token = new Redacted(api.podToken(pod));
  api.store('serviceaccounts').delete('shop', 'web');
  for (let stream = 0; stream < 100; stream++) {
    await assert.rejects(verifier.verify(token, signal), { code: 'token-rejected' });
  }
  assert.equal(api.count(REVIEW), 1);
  assert.equal(meter.results.filter((result) => result === 'kubernetes token-rejected').length, 100);
  await clock.advance(seconds(5));
  await assert.rejects(verifier.verify(token, signal), { code: 'token-rejected' });
  assert.equal(api.count(REVIEW), 2);
});

test('what is wrong by its own words is refused without asking anybody', async () => {
  const { world, verifier } = await startReviews();
  await using _ = world;
  const { api, clock } = world;
  const pod = api.addPod('shop', 'web-1', 'web');
  const [stale, foreign] = [api.podToken(pod, ['istio-ca'], 10), api.podToken(pod, ['vault'])];
  await clock.advance(seconds(10));
  await assert.rejects(verifier.verify(new Redacted(stale), signal), { code: 'token-expired' });
  await assert.rejects(verifier.verify(new Redacted(foreign), signal), { code: 'token-rejected', message: /audience/ });
  assert.equal(api.count(REVIEW), 0);
});

for (const [what, status] of [
  ['names no audience', { authenticated: true, user: { username: 'system:serviceaccount:shop:web' } }],
  [
    'names other audiences',
    { authenticated: true, user: { username: 'system:serviceaccount:shop:web' }, audiences: ['x'] },
  ],
  ['names nobody', { authenticated: true, user: {}, audiences: ['istio-ca'] }],
  [
    'names another account',
    { authenticated: true, user: { username: 'system:serviceaccount:a:b' }, audiences: ['istio-ca'] },
  ],
  [
    'names another pod',
    {
      authenticated: true,
      user: {
        username: 'system:serviceaccount:shop:web',
        extra: { 'authentication.kubernetes.io/pod-uid': ['other'] },
      },
      audiences: ['istio-ca'],
    },
  ],
  [
    'says "true" in quotes',
    { authenticated: 'true', user: { username: 'system:serviceaccount:shop:web' }, audiences: ['istio-ca'] },
  ],
  ['says nothing', undefined],
] as const) {
  test(`a review that ${what} lets nobody in`, async () => {
    const { world, verifier } = await startReviews();
    await using _ = world;
    const token = world.api.podToken(world.api.addPod('shop', 'web-1', 'web'));
    world.api.answer = () => ({ status: 201, body: { kind: 'TokenReview', status } });
    const error = await errorOf(verifier.verify(new Redacted(token), signal));
    assert.ok(error instanceof AgentError);
    assert.equal(error.code, 'token-rejected');
    assertUntold(error, token);
  });
}

test('while the API server is down, tokens that were verified work until they expire; new ones cannot be judged', async () => {
  const { world, verifier } = await startReviews();
  await using _ = world;
  const { api, clock } = world;
  const token = new Redacted(api.podToken(api.addPod('shop', 'web-1', 'web')));
  const unknown = new Redacted(api.podToken(api.addPod('shop', 'web-2', 'web')));
  await verifier.verify(token, signal);
  await api.close();
  await clock.advance(minutes(5));
  for (let minute = 0; minute < 54; minute++) {
    assert.ok(await verifier.verify(token, signal), `after ${minute + 5} minutes`);
    await clock.advance(minutes(1));
  }
  const error = await errorOf(verifier.verify(unknown, signal));
  assert.ok(error instanceof AgentError);
  assert.equal(error.code, 'token-verifier-unavailable');
  assert.match(error.message, /the token cannot be reviewed: the API server cannot be reached/);
  await clock.advance(minutes(1));
  await assert.rejects(verifier.verify(token, signal), { code: 'token-expired' });
});

test('a server that hangs is waited for once; then known tokens are answered at once, and it is asked behind them', async () => {
  const { world, verifier } = await startReviews();
  await using _ = world;
  const { api, clock } = world;
  const token = new Redacted(api.podToken(api.addPod('shop', 'web-1', 'web')));
  await verifier.verify(token, signal);
  await clock.advance(minutes(5));
  api.answer = () => 'hang';
  const first = verifier.verify(token, signal);
  await eventually('it is asked', () => api.openRequests === 1);
  await clock.advance(seconds(10));
  assert.ok(await first);
  await clock.advance(seconds(10));
  for (let stream = 0; stream < 10; stream++) assert.ok(verifier.recall(token));
  await eventually('it is asked again', () => api.count(REVIEW) === 3);
  api.answer = () => undefined;
  api.store('pods').delete('shop', 'web-1');
  await clock.advance(seconds(10));
  await clock.advance(seconds(10));
  verifier.recall(token);
  await eventually('the server is back, and refuses', () => verifier.recall(token) === undefined);
  await assert.rejects(verifier.verify(token, signal), { code: 'token-rejected' });
});

test('the rule that is missing is told, and nobody is let in', async () => {
  const { world, bare, verifier } = await startReviews();
  await using _ = world;
  world.api.forbidden.add(REVIEW);
  const token = new Redacted(world.api.podToken(world.api.addPod('shop', 'web-1', 'web')));
  await assert.rejects(verifier.verify(token, signal), {
    code: 'token-verifier-unavailable',
    message:
      /give it the rule \{apiGroups: \["authentication\.k8s\.io"\], resources: \["tokenreviews"\], verbs: \["create"\]\}/,
  });
  await assert.rejects(probeVerifier(bare, signal), {
    code: 'token-verifier-unavailable',
    message: /tokenreviews/,
  });
});

test('the probe asks the API server, and believes no token that nobody has signed', async () => {
  const { world, bare } = await startReviews();
  await using _ = world;
  await probeVerifier(bare, signal);
  assert.equal(world.api.count(REVIEW), 1);
  const status = { authenticated: true, user: { username: 'anybody' }, audiences: ['istio-ca'] };
  world.api.answer = () => ({ status: 201, body: { status } });
  await assert.rejects(probeVerifier(bare, signal), { code: 'internal' });
});

test('with kubernetes,jwks the keys of the cluster stand in while its API server is away', async () => {
  const { world, bare, verifier } = await startReviews(['kubernetes', 'jwks']);
  await using _ = world;
  const { api, clock } = world;
  await probeVerifier(bare, signal);
  const known = new Redacted(api.podToken(api.addPod('shop', 'web-1', 'web'), ['istio-ca'], 7200));
  await verifier.verify(known, signal);
  assert.equal(api.count('get /openid/v1/jwks'), 1);
  const unknown = api.podToken(api.addPod('shop', 'web-2', 'web'), ['istio-ca'], 7200);
  await api.close();
  assert.equal(
    (await verifier.verify(new Redacted(unknown), signal)).spiffeId,
    'spiffe://cluster.local/ns/shop/sa/web',
  );
  const forged = `${unknown.slice(0, unknown.lastIndexOf('.'))}.AAAA`;
  await assert.rejects(verifier.verify(new Redacted(forged), signal), { code: 'token-rejected' });
  await clock.advance(hours(1));
  assert.ok(await verifier.verify(known, signal));
});

test('what the API server refuses, the keys of the cluster do not let in', async () => {
  const { world, bare, verifier } = await startReviews(['kubernetes', 'jwks']);
  await using _ = world;
  await probeVerifier(bare, signal);
  const token = new Redacted(world.api.podToken(world.api.addPod('shop', 'web-1', 'web')));
  world.api.store('pods').delete('shop', 'web-1');
  await assert.rejects(verifier.verify(token, signal), { code: 'token-rejected' });
});

test('who was let in by the keys of the cluster is reviewed half a minute after the server is back', async () => {
  const { world, bare, verifier } = await startReviews(['kubernetes', 'jwks']);
  await using _ = world;
  const { api, clock } = world;
  await probeVerifier(bare, signal);
  const token = new Redacted(api.podToken(api.addPod('shop', 'web-1', 'web')));
  await api.close();
  await verifier.verify(token, signal);
  api.store('pods').delete('shop', 'web-1');
  await api.listen();
  await clock.advance(seconds(30));
  await assert.rejects(verifier.verify(token, signal), { code: 'token-rejected' });
});

test('while the server hangs, one token in ten seconds waits for it; the keys of the cluster judge the others at once', async () => {
  const { world, bare, verifier } = await startReviews(['kubernetes', 'jwks']);
  await using _ = world;
  const { api, clock } = world;
  await probeVerifier(bare, signal);
  const tokens = Array.from(
    { length: 20 },
    (_, number) => new Redacted(api.podToken(api.addPod('shop', `web-${number}`, 'web'))),
  );
  const [first = new Redacted(''), ...others] = tokens;
  api.answer = ({ access }) => (access === REVIEW ? 'hang' : undefined);
  const waiting = verifier.verify(first, signal);
  await eventually('it is asked', () => api.openRequests === 1);
  await clock.advance(seconds(10));
  await waiting;
  for (const token of others) await verifier.verify(token, signal);
  assert.equal(api.count(REVIEW), 2);
});

test('the probe tells what is wrong with each of several', async () => {
  const { world, bare } = await startReviews(['kubernetes', 'jwks']);
  await using _ = world;
  world.api.forbidden.add(REVIEW).add('get /openid/v1/jwks');
  await assert.rejects(probeVerifier(bare, signal), {
    code: 'token-verifier-unavailable',
    message: /tokenreviews.*; .*key set of the cluster.*nonResourceURLs/,
  });
});
