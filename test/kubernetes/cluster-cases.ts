import assert from 'node:assert/strict';
import { AgentError } from '../../src/core/agent-error.ts';
import type { Clock } from '../../src/core/clock.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { createClusterJwksSource } from '../../src/identity/cluster-jwks-source.ts';
import { createJwksVerifier } from '../../src/identity/jwks-verifier.ts';
import { probeVerifier } from '../../src/identity/probe-verifier.ts';
import { TokenReviewVerifier } from '../../src/identity/token-review-verifier.ts';
import { ApiTokenReviewer } from '../../src/kubernetes/api-token-reviewer.ts';
import { checkTokenRights } from '../../src/kubernetes/check-token-rights.ts';
import { Informer } from '../../src/kubernetes/informer.ts';
import type { KubernetesClient } from '../../src/kubernetes/kubernetes-client.ts';
import { readList, readText } from '../../src/kubernetes/read-path.ts';
import { RequestedTokens } from '../../src/kubernetes/requested-tokens.ts';
import { errorOf } from '../contracts/token-verifier.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { eventually } from '../transport/eventually.ts';

/** A pod that was made for a test. */
export interface TestPod {
  readonly name: string;
  readonly uid: string;
}

/** A cluster that may be changed: a fake one, or a real one with a namespace for the tests. */
export interface ClusterUnderTest extends AsyncDisposable {
  readonly namespace: string;
  /** No other pods run on it. */
  readonly nodeName: string;
  readonly clock: Clock;
  /** May do everything that the agent does. */
  readonly client: KubernetesClient;
  /** Of a service account that may do nothing, `powerless`. */
  readonly powerless: KubernetesClient;
  /** Shows a token that is none. */
  readonly stranger: KubernetesClient;
  addServiceAccount(name: string): Promise<void>;
  /** On the node of the tests, unless another one is named. */
  addPod(name: string, serviceAccount: string, nodeName?: string): Promise<TestPod>;
  deletePod(name: string): Promise<void>;
  putSecret(
    name: string,
    type: string,
    labels: Readonly<Record<string, string>>,
    data: Readonly<Record<string, string>>,
  ): Promise<void>;
  deleteSecret(name: string): Promise<void>;
}

export interface ClusterCase {
  readonly what: string;
  readonly run: (cluster: ClusterUnderTest) => Promise<void>;
}

const AUDIENCE = 'istio-ca';
const { signal } = new AbortController();

function tokensOf({ client, nodeName, clock }: ClusterUnderTest, lifetime: AbortSignal): RequestedTokens {
  return new RequestedTokens({
    client,
    nodeName,
    audience: AUDIENCE,
    clock,
    log: new RecordingLog(),
    random: Math.random,
    lifetime,
  });
}

/** Runs something until the block that it is made in is left. */
function during(run: (signal: AbortSignal) => Promise<void>): AsyncDisposable {
  const over = new AbortController();
  const running = run(over.signal);
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await running;
    },
  };
}

async function tokenOf(cluster: ClusterUnderTest, pod: TestPod): Promise<Redacted<string>> {
  const life = new AbortController();
  const tokens = tokensOf(cluster, life.signal);
  await using _ = during((stop) => tokens.run(stop));
  await eventually('the pods are known', () => tokens.isReady);
  return (await tokens.obtain(pod.uid, signal)).token;
}

async function agentErrorOf(promise: Promise<unknown>): Promise<AgentError> {
  const error = await errorOf(promise);
  assert.ok(error instanceof AgentError);
  return error;
}

function verifierOf(client: KubernetesClient, clock: Clock): TokenReviewVerifier {
  const reviewer = new ApiTokenReviewer(client);
  return new TokenReviewVerifier({ reviewer, trustDomain: 'cluster.local', audiences: [AUDIENCE], clock });
}

/** What a fake API server and a real one have to do alike. Each case makes what it needs, under names of its own. */
export const CLUSTER_CASES: readonly ClusterCase[] = [
  {
    what: 'a token that was requested for a pod is reviewed as that pod, for our audience alone',
    async run(cluster) {
      await cluster.addServiceAccount('reviewed');
      const pod = await cluster.addPod('reviewed-1', 'reviewed');
      const token = await tokenOf(cluster, pod);
      const reviewer = new ApiTokenReviewer(cluster.client);
      assert.deepEqual(await reviewer.review(token, ['vault', AUDIENCE], signal), {
        authenticated: true,
        username: `system:serviceaccount:${cluster.namespace}:reviewed`,
        podUid: pod.uid,
        audiences: [AUDIENCE],
      });
      assert.deepEqual(await reviewer.review(token, ['vault'], signal), { authenticated: false, refusal: 'audience' });
      assert.deepEqual(await reviewer.review(token, [], signal), { authenticated: false, refusal: 'audience' });
      const verified = await verifierOf(cluster.client, cluster.clock).verify(token, signal);
      assert.equal(verified.spiffeId, `spiffe://cluster.local/ns/${cluster.namespace}/sa/reviewed`);
      assert.equal(verified.podUid, pod.uid);
    },
  },
  {
    what: 'a token with another signature, and what is no token, are refused without a reason of their own',
    async run(cluster) {
      await cluster.addServiceAccount('forged');
      const token = (await tokenOf(cluster, await cluster.addPod('forged-1', 'forged'))).reveal();
      const reviewer = new ApiTokenReviewer(cluster.client);
      for (const text of [`${token.slice(0, token.lastIndexOf('.'))}.AAAA`, 'a.b.c', 'nonsense']) {
        const review = await reviewer.review(new Redacted(text), [AUDIENCE], signal);
        assert.deepEqual(review, { authenticated: false, refusal: 'other' }, text.slice(-6));
      }
    },
  },
  {
    what: 'a token is withdrawn with its pod, also where another pod has taken the name',
    async run(cluster) {
      await cluster.addServiceAccount('withdrawn');
      const token = await tokenOf(cluster, await cluster.addPod('withdrawn-1', 'withdrawn'));
      const reviewer = new ApiTokenReviewer(cluster.client);
      const isWithdrawn = async (): Promise<boolean> => {
        const review = await reviewer.review(token, [AUDIENCE], signal);
        return !review.authenticated && review.refusal === 'withdrawn';
      };
      await cluster.deletePod('withdrawn-1');
      // A server remembers a token that it has accepted for ten seconds.
      await eventually('it is withdrawn', isWithdrawn);
      await cluster.addPod('withdrawn-1', 'withdrawn');
      await eventually('it stays withdrawn', isWithdrawn);
    },
  },
  {
    what: 'the key set verifies what the server has signed',
    async run(cluster) {
      await cluster.addServiceAccount('signed');
      const token = await tokenOf(cluster, await cluster.addPod('signed-1', 'signed'));
      const source = createClusterJwksSource(new ApiTokenReviewer(cluster.client));
      const verifier = createJwksVerifier({
        jwks: { kind: 'source', source },
        expected: { trustDomain: 'cluster.local', audiences: [AUDIENCE] },
        clock: cluster.clock,
        log: new RecordingLog(),
        lifetime: signal,
      });
      const { spiffeId } = await verifier.verify(token, signal);
      assert.equal(spiffeId, `spiffe://cluster.local/ns/${cluster.namespace}/sa/signed`);
    },
  },
  {
    what: 'the probe of the verifier works with a server that answers, and tells what is missing without a right',
    async run({ client, powerless, clock }) {
      await probeVerifier(verifierOf(client, clock), signal);
      const refused = await agentErrorOf(probeVerifier(verifierOf(powerless, clock), signal));
      assert.equal(refused.code, 'token-verifier-unavailable');
      assert.match(refused.message, /resources: \["tokenreviews"\], verbs: \["create"\]/);
    },
  },
  {
    what: 'what a service account may not do is told with its name and the rule',
    async run(cluster) {
      const { powerless, namespace } = cluster;
      const core = { group: '', version: 'v1' };
      const target = { ...core, resource: 'serviceaccounts', namespace, name: 'powerless', subresource: 'token' };
      for (const [request, rule] of [
        [
          { verb: 'list', target: { ...core, resource: 'pods' } },
          '{apiGroups: [""], resources: ["pods"], verbs: ["list"]}',
        ],
        [
          { verb: 'watch', target: { ...core, resource: 'pods' }, query: { watch: 'true' } },
          '{apiGroups: [""], resources: ["pods"], verbs: ["watch"]}',
        ],
        [
          { verb: 'list', target: { ...core, resource: 'secrets', namespace } },
          '{apiGroups: [""], resources: ["secrets"], verbs: ["list"]}',
        ],
        [
          { verb: 'create', target, body: { spec: { audiences: [AUDIENCE] } } },
          '{apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"]}',
        ],
      ] as const) {
        const error = await agentErrorOf(powerless.ask(request, signal));
        assert.equal(error.code, 'kubernetes-permission-denied');
        assert.ok(error.message.includes(`"system:serviceaccount:${namespace}:powerless"`), error.message);
        assert.ok(error.message.endsWith(rule), error.message);
      }
    },
  },
  {
    what: 'whether the agent may ask for tokens is found out beforehand, with every rule that is missing',
    async run(cluster) {
      await cluster.addServiceAccount('rights');
      const { uid } = await cluster.addPod('rights-1', 'rights');
      assert.notEqual(uid, '');
      assert.ok((await checkTokenRights(cluster.client, cluster.nodeName, signal)) >= 1);
      const error = await agentErrorOf(checkTokenRights(cluster.powerless, cluster.nodeName, signal));
      assert.equal(error.code, 'kubernetes-permission-denied');
      assert.match(error.message, /"pods".*"list".*"pods".*"watch".*"serviceaccounts\/token".*"create"/);
    },
  },
  {
    what: 'a credential that is none is told as such',
    async run({ stranger }) {
      const target = { group: '', version: 'v1', resource: 'pods' };
      const error = await agentErrorOf(stranger.ask({ verb: 'list', target }, signal));
      assert.equal(error.code, 'kubernetes-credential-unusable');
    },
  },
  {
    what: 'what is not there is refused in the way of Kubernetes',
    async run({ client, namespace }) {
      const target = { group: '', version: 'v1', resource: 'secrets', namespace, name: 'nobody-made-it' };
      const error = await agentErrorOf(client.ask({ verb: 'get', target }, signal));
      assert.equal(error.code, 'kubernetes-request-refused');
      assert.match(error.message, /404 \(NotFound\)/);
    },
  },
  {
    what: 'a token is bound to the pod of its UID and account, and to no other',
    async run(cluster) {
      await cluster.addServiceAccount('bound');
      await cluster.addServiceAccount('other');
      const pod = await cluster.addPod('bound-1', 'bound');
      const { namespace, client } = cluster;
      const ask = (name: string, uid: string): Promise<AgentError> => {
        const target = { group: '', version: 'v1', resource: 'serviceaccounts', namespace, name, subresource: 'token' };
        const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid };
        const head = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };
        const body = { ...head, spec: { audiences: [AUDIENCE], boundObjectRef } };
        return agentErrorOf(client.ask({ verb: 'create', target, body }, signal));
      };
      assert.match((await ask('bound', 'another-uid')).message, /409 \(Conflict\)/);
      assert.match((await ask('other', pod.uid)).message, /400 \(BadRequest\)/);
      assert.match((await ask('nobody', pod.uid)).message, /404 \(NotFound\)/);
    },
  },
  {
    what: 'the pods of the node are followed: made, gone, made anew; those of others are not seen',
    async run(cluster) {
      await cluster.addServiceAccount('followed');
      const first = await cluster.addPod('followed-1', 'followed');
      const life = new AbortController();
      const tokens = tokensOf(cluster, life.signal);
      await using _ = during((stop) => tokens.run(stop));
      assert.equal((await tokens.obtain(first.uid, signal)).serviceAccount, 'followed');
      const second = await cluster.addPod('followed-2', 'followed');
      assert.equal((await tokens.obtain(second.uid, signal)).namespace, cluster.namespace);
      await cluster.deletePod('followed-1');
      await eventually('it is forgotten', () => tokens.recall(first.uid) === undefined);
      const anew = await cluster.addPod('followed-1', 'followed');
      assert.notEqual((await tokens.obtain(anew.uid, signal)).token, undefined);
      life.abort();
    },
  },
  {
    what: 'secrets are followed by type and label, each change once',
    async run(cluster) {
      const { client, clock, namespace } = cluster;
      const told: string[] = [];
      const log = new RecordingLog();
      const informer = new Informer({
        client,
        resource: { group: '', version: 'v1', resource: 'secrets', namespace },
        selectors: { fieldSelector: 'type=kubernetes.io/tls', labelSelector: 'sds-test in (followed),!hidden' },
        toItem: (secret) => readText(secret, 'data', 'tls.crt'),
        listener: {
          set: ({ name, item }, before) => told.push(`${before === undefined ? 'new' : 'changed'} ${name} ${item}`),
          deleted: ({ name }) => told.push(`deleted ${name}`),
          synced: () => told.push('synced'),
        },
        clock,
        log,
        random: Math.random,
      });
      const labels = { 'sds-test': 'followed' };
      const tls = (text: string) => ({ 'tls.crt': Buffer.from(text).toString('base64'), 'tls.key': 'YQ==' });
      await cluster.putSecret('tls-1', 'kubernetes.io/tls', labels, tls('one'));
      await cluster.putSecret('tls-2', 'kubernetes.io/tls', { ...labels, hidden: 'yes' }, tls('two'));
      await cluster.putSecret('opaque-1', 'Opaque', labels, tls('three'));
      await using _ = during((stop) => informer.run(stop));
      await eventually('it is synced', () => told.includes('synced'));
      await cluster.putSecret('tls-1', 'kubernetes.io/tls', labels, tls('four'));
      await cluster.putSecret('tls-2', 'kubernetes.io/tls', labels, tls('two'));
      await cluster.deleteSecret('tls-1');
      await eventually('the last change', () => told.includes('deleted tls-1'));
      assert.deepEqual(told, ['new tls-1 b25l', 'synced', 'changed tls-1 Zm91cg==', 'new tls-2 dHdv', 'deleted tls-1']);
      assert.deepEqual(log.events, []);
    },
  },
  {
    what: 'a list is cut into pages, which go on at one version',
    async run(cluster) {
      const { client, namespace } = cluster;
      for (const number of [1, 2, 3]) await cluster.putSecret(`paged-${number}`, 'Opaque', { 'sds-test': 'paged' }, {});
      const target = { group: '', version: 'v1', resource: 'secrets', namespace };
      const names: (string | undefined)[] = [];
      let query: Record<string, string> = { labelSelector: 'sds-test=paged', limit: '2' };
      for (let page = 1; page <= 2; page++) {
        const list = await client.ask({ verb: 'list', target, query }, signal);
        names.push(...readList(list, 'items').map((item) => readText(item, 'metadata', 'name')));
        const next = readText(list, 'metadata', 'continue');
        assert.equal(next !== undefined, page === 1);
        query = { ...query, continue: next ?? '' };
      }
      assert.deepEqual(names, ['paged-1', 'paged-2', 'paged-3']);
    },
  },
  {
    what: 'a watch tells how far it has come, and ends when it was asked to',
    async run({ client, namespace }) {
      const target = { group: '', version: 'v1', resource: 'secrets', namespace };
      const version = readText(await client.ask({ verb: 'list', target }, signal), 'metadata', 'resourceVersion') ?? '';
      const types = new Set<string>();
      const request = { verb: 'watch', target, query: { resourceVersion: version } } as const;
      for await (const { type } of client.watch(request, 2000, signal)) types.add(type);
      for (const type of types) assert.equal(type, 'BOOKMARK');
    },
  },
];
