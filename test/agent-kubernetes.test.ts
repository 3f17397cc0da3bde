import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dispatch } from '../src/cli/dispatch.ts';
import type { Attestation } from '../src/core/peer-attestor.ts';
import { X509SVIDResponse } from '../src/gen/spiffe/workload.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { GrpcClient } from '../src/transport/grpc-client.ts';
import { AgentWorld, SecretStream } from './agent-world.ts';
import { RecordingIo } from './cli/recording-io.ts';
import { KubernetesApi } from './fakes/kubernetes-api.ts';
import { MemoryCa } from './fakes/memory-ca.ts';
import { createLoopbackCa } from './identity/loopback-certificate.ts';

/** A cluster's API server over TLS, and the settings of an agent that uses it. */
async function startCluster() {
  const directory = await mkdtemp(join(tmpdir(), 'cluster-'));
  const { ca, issue } = await createLoopbackCa();
  const api = await KubernetesApi.start({ clock: systemClock, tls: await issue() });
  await mkdir(join(directory, 'sds'));
  const [caFile, tokenFile] = [join(directory, 'ca.crt'), join(directory, 'token')];
  await writeFile(caFile, ca);
  await writeFile(tokenFile, api.agentToken());
  const env = {
    KUBERNETES_API_SERVER: api.url,
    KUBERNETES_API_CA_FILE: caFile,
    KUBERNETES_API_TOKEN_FILE: tokenFile,
    TOKEN_VERIFIER: 'kubernetes',
  };
  const dispose = async (): Promise<void> => {
    await api[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  };
  return { api, env, tokenFile, directory, [Symbol.asyncDispose]: dispose };
}

test('an agent in a cluster serves whom the API server knows, with one review for many streams', async () => {
  await using cluster = await startCluster();
  const { api, env } = cluster;
  await using world = await AgentWorld.start({ env });
  await world.until(() => world.agent.status().unready.length === 0);
  const probes = api.count('create tokenreviews');
  const token = api.podToken(api.addPod('shop', 'web-1', 'web'));
  await using client = await world.connect();
  for (let stream = 0; stream < 20; stream++) await new SecretStream(client, token, ['default']).next();
  assert.equal(api.count('create tokenreviews'), probes + 1);
  assert.deepEqual(
    world.agent.status().identities.map(({ spiffeId }) => spiffeId),
    ['spiffe://cluster.local/ns/shop/sa/web'],
  );
  const stranger = new SecretStream(client, api.podToken(api.addPod('shop', 'web-2', 'web'), ['vault']), ['default']);
  await assert.rejects(stranger.next());
  assert.equal((await stranger.call.outcome).status, 'UNAUTHENTICATED');
});

test('an agent whose service account may not review tokens is not ready, and says which rule is missing', async () => {
  await using cluster = await startCluster();
  cluster.api.forbidden.add('create tokenreviews');
  await using world = await AgentWorld.start({ env: cluster.env });
  await world.until(() => world.log.events.some(({ message }) => message === 'tokens cannot be verified yet'));
  const { error } = world.log.events.find(({ message }) => message === 'tokens cannot be verified yet')?.fields ?? {};
  assert.match(String(error), /resources: \["tokenreviews"\], verbs: \["create"\]/);
  assert.ok(world.agent.status().unready.length > 0);
});

test('with WORKLOAD_TOKENS=request a pod without a token is served, and the CA sees one that is bound to it', async () => {
  await using cluster = await startCluster();
  const { api } = cluster;
  const pod = api.addPod('shop', 'web-1', 'web');
  let attestation: Attestation = { kind: 'pod', podUid: pod.metadata.uid };
  const ca = await MemoryCa.create(systemClock);
  const workloadSocket = join(cluster.directory, 'sds', 'workload.sock');
  const env = {
    ...cluster.env,
    WORKLOAD_TOKENS: 'request',
    NODE_NAME: 'node-1',
    PEER_ATTESTATION: 'warn',
    WORKLOAD_API_UDS_PATH: workloadSocket,
  };
  await using world = await AgentWorld.start({ env, ca: { provider: ca }, attestor: { attest: () => attestation } });
  await world.until(() => world.agent.status().unready.length === 0);
  await using client = await world.connect();
  for (let stream = 0; stream < 20; stream++) await new SecretStream(client, undefined, ['default']).next();
  assert.equal(api.count('create serviceaccounts/token'), 1);
  const [asked] = ca.requests;
  assert.equal(asked?.id, 'spiffe://cluster.local/ns/shop/sa/web');
  const found = api.tokens.authenticate(asked?.token.reveal() ?? '', ['istio-ca']);
  assert.ok('user' in found);
  assert.deepEqual(found.user.extra['authentication.kubernetes.io/pod-uid'], [pod.metadata.uid]);

  await using workloads = await GrpcClient.connect(workloadSocket);
  const svids = workloads.stream('/SpiffeWorkloadAPI/FetchX509SVID', { 'workload.spiffe.io': 'true' });
  svids.send(new Uint8Array());
  const { value } = await svids[Symbol.asyncIterator]().next();
  assert.deepEqual(
    X509SVIDResponse.decode(value ?? new Uint8Array()).svids.map(({ spiffeId }) => spiffeId),
    ['spiffe://cluster.local/ns/shop/sa/web'],
  );

  attestation = { kind: 'no-pod' };
  await using outside = await world.connect();
  const refused = new SecretStream(outside, undefined, ['default']);
  await assert.rejects(refused.next());
  assert.equal((await refused.call.outcome).status, 'PERMISSION_DENIED');
});

test('an agent that may not list pods is not ready with WORKLOAD_TOKENS=request, and says why', async () => {
  await using cluster = await startCluster();
  cluster.api.forbidden.add('list pods');
  const env = { ...cluster.env, WORKLOAD_TOKENS: 'request', NODE_NAME: 'node-1', PEER_ATTESTATION: 'enforce' };
  await using world = await AgentWorld.start({ env, attestor: { attest: () => ({ kind: 'no-pod' }) } });
  await world.until(() => world.agent.status().unready.join().startsWith('pods: '));
  const told = () => world.log.events.find(({ message }) => message.startsWith('the API server cannot be watched'));
  await world.until(() => told() !== undefined);
  const { error } = told()?.fields ?? {};
  assert.match(String(error), /resources: \["pods"\], verbs: \["list"\]/);
});

interface CheckCase {
  readonly what: string;
  readonly verifiers: string;
  readonly spoil: (cluster: Awaited<ReturnType<typeof startCluster>>) => unknown;
  readonly told: RegExp;
}

const CHECKS: readonly CheckCase[] = [
  {
    what: 'that nobody is served without a token',
    verifiers: 'kubernetes',
    spoil: () => {},
    told: /^ok +pod tokens +WORKLOAD_TOKENS is projected/m,
  },
  {
    what: 'that all is well',
    verifiers: 'kubernetes,jwks',
    spoil: () => {},
    told: /^ok +token verifier +kubernetes, jwks can verify tokens for istio-ca$/m,
  },
  {
    what: 'of both verifiers what they may not',
    verifiers: 'kubernetes,jwks',
    spoil: ({ api }) => api.forbidden.add('create tokenreviews').add('get /openid/v1/jwks'),
    told: /^fault +token verifier .*"tokenreviews".*; .*nonResourceURLs: \["\/openid\/v1\/jwks"\]/m,
  },
  {
    what: 'of a credential that is not accepted',
    verifiers: 'kubernetes',
    spoil: ({ tokenFile }) => writeFile(tokenFile, 'nonsense'),
    told: /^fault +token verifier .*KUBERNETES_API_TOKEN_FILE/m,
  },
  {
    what: 'of a server that is down',
    verifiers: 'kubernetes',
    spoil: ({ api }) => api.close(),
    told: /^fault +token verifier .*the API server cannot be reached/m,
  },
];

for (const { what, verifiers, spoil, told } of CHECKS) {
  test(`check tells ${what}`, async () => {
    await using cluster = await startCluster();
    await spoil(cluster);
    const { directory } = cluster;
    const io = new RecordingIo({
      ...cluster.env,
      TOKEN_VERIFIER: verifiers,
      STATE_DIR: join(directory, 'state'),
      SDS_UDS_PATH: join(directory, 'sds', 'uds_path'),
      ADMIN_SOCKET: join(directory, 'admin', 'admin.sock'),
    });
    await dispatch(['check'], io);
    assert.match(io.out, told);
  });
}
