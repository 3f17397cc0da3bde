import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Attestation, PeerAttestor } from '../src/core/peer-attestor.ts';
import { parseSpiffeId } from '../src/core/spiffe-id.ts';
import { JWTSVIDRequest, JWTSVIDResponse } from '../src/gen/spiffe/workload.ts';
import { KernelAttestor } from '../src/identity/attestation/kernel-attestor.ts';
import { ProcessTable } from '../src/identity/attestation/process-table.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { GrpcClient } from '../src/transport/grpc-client.ts';
import { AgentWorld, SecretStream } from './agent-world.ts';
import { KubernetesApi } from './fakes/kubernetes-api.ts';
import { MemoryCa } from './fakes/memory-ca.ts';
import { ProcDirectory } from './fakes/proc-directory.ts';
import { HEADERS, next, svidStream } from './workload-api/svid-stream.ts';

const REQUEST_TOKEN = 'create serviceaccounts/token';

const idOf = (serviceAccount: string) => parseSpiffeId(`spiffe://cluster.local/ns/shop/sa/${serviceAccount}`);

/** Says of the next connection what it is told to say. */
class Oracle implements PeerAttestor {
  answer: Attestation = { kind: 'no-pod' };

  attest(): Attestation {
    return this.answer;
  }
}

/** A node of a cluster: a fake API server, and an agent whose Workload API asks it for tokens of attested pods. */
class NodeWorld implements AsyncDisposable {
  readonly api: KubernetesApi;
  readonly ca: MemoryCa;
  readonly agent: AgentWorld;
  readonly #directory: string;

  private constructor(api: KubernetesApi, ca: MemoryCa, agent: AgentWorld, directory: string) {
    this.api = api;
    this.ca = ca;
    this.agent = agent;
    this.#directory = directory;
  }

  static async start(attestor: PeerAttestor, { embedded = false } = {}): Promise<NodeWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'node-'));
    const api = await KubernetesApi.start({ clock: systemClock });
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, api.agentToken());
    const env = {
      KUBERNETES_API_SERVER: api.url,
      KUBERNETES_API_TOKEN_FILE: tokenFile,
      NODE_NAME: 'node-1',
      TOKEN_VERIFIER: 'kubernetes',
      PEER_ATTESTATION: 'enforce',
      WORKLOAD_TOKENS: 'request',
    };
    const ca = await MemoryCa.create(systemClock);
    const agent = await AgentWorld.start({
      env,
      attestor,
      places: (place) => ({ WORKLOAD_API_UDS_PATH: join(place, 'sds', 'workload.sock') }),
      ...(!embedded && { ca: { provider: ca } }),
    });
    const world = new NodeWorld(api, ca, agent, directory);
    await agent.until(() => agent.agent.status().unready.length === 0);
    return world;
  }

  /** A connection of whoever the attestor says. */
  connect(): Promise<GrpcClient> {
    return GrpcClient.connect(join(this.agent.directory, 'sds', 'workload.sock'));
  }

  /** The SPIFFE ID that a connection is served now; rejects with the status where it is served none. */
  async served(headers: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
    await using client = await this.connect();
    const [svid] = (await next(svidStream(client, headers))).svids;
    return svid?.spiffeId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }
}

function inPod(podUid: string): Attestation {
  return { kind: 'pod', podUid };
}

test('a process in a pod gets the SVID of its service account, and the CA sees a token that is bound to that pod', async () => {
  const oracle = new Oracle();
  await using world = await NodeWorld.start(oracle);
  for (const account of ['web', 'api']) {
    const { uid } = world.api.addPod('shop', `${account}-1`, account).metadata;
    oracle.answer = inPod(uid);
    assert.equal(await world.served(), idOf(account));
    const token = world.ca.requests.at(-1)?.token.reveal() ?? '';
    const found = world.api.tokens.authenticate(token, ['istio-ca']);
    assert.ok('user' in found);
    assert.equal(found.user.username, `system:serviceaccount:shop:${account}`);
    assert.deepEqual(found.user.extra['authentication.kubernetes.io/pod-uid'], [uid]);
  }
  assert.equal(world.ca.requests.length, 2);
});

test('many streams of a pod cost one token and one certificate, and each is pushed the next one', async () => {
  const oracle = new Oracle();
  await using world = await NodeWorld.start(oracle);
  oracle.answer = inPod(world.api.addPod('shop', 'web-1', 'web').metadata.uid);
  await using client = await world.connect();
  const streams = Array.from({ length: 100 }, () => svidStream(client));
  await Promise.all(streams.map(next));
  await world.agent.agent.rotate({ spiffeId: idOf('web') }, AbortSignal.timeout(20_000));
  const pushed = await Promise.all(streams.map(next));
  assert.equal(new Set(pushed.map(({ svids }) => svids[0]?.x509Svid.toString('hex'))).size, 1);
  assert.equal(world.api.count(REQUEST_TOKEN), 1);
  assert.equal(world.ca.requests.length, 2);
});

const NOBODIES: Readonly<Record<string, (world: NodeWorld) => Attestation>> = {
  'in no pod': () => ({ kind: 'no-pod' }),
  'of which the kernel does not tell': () => ({ kind: 'unknown', reason: 'its process is gone' }),
  'in a pod of another node': ({ api }) => inPod(api.addPod('shop', 'web-9', 'web', 'node-2').metadata.uid),
};
for (const [where, attest] of Object.entries(NOBODIES)) {
  test(`a process ${where} is denied, also with the token of a pod that is served`, async () => {
    const oracle = new Oracle();
    await using world = await NodeWorld.start(oracle);
    const pod = world.api.addPod('shop', 'web-1', 'web');
    oracle.answer = inPod(pod.metadata.uid);
    await world.served();
    oracle.answer = attest(world);
    const denied = { status: 'PERMISSION_DENIED' };
    await assert.rejects(world.served(), denied);
    await assert.rejects(world.served({ authorization: `Bearer ${world.api.podToken(pod)}` }), denied);
    await assert.rejects(world.served({ 'x-pod-uid': pod.metadata.uid, attestation: pod.metadata.uid }), denied);
    assert.equal(world.ca.requests.length, 1);
  });
}

test("another pod's token makes no difference to who a process is", async () => {
  const oracle = new Oracle();
  await using world = await NodeWorld.start(oracle);
  const other = world.api.podToken(world.api.addPod('shop', 'api-1', 'api'));
  oracle.answer = inPod(world.api.addPod('shop', 'web-1', 'web').metadata.uid);
  assert.equal(await world.served({ authorization: `Bearer ${other}` }), idOf('web'));
});

test('while the API server gives no token a process is told UNAVAILABLE, and afterwards it is served', async () => {
  const oracle = new Oracle();
  await using world = await NodeWorld.start(oracle);
  world.api.forbidden.add(REQUEST_TOKEN);
  oracle.answer = inPod(world.api.addPod('shop', 'web-1', 'web').metadata.uid);
  await assert.rejects(world.served(), { status: 'UNAVAILABLE' });
  world.api.forbidden.delete(REQUEST_TOKEN);
  let served: string | undefined;
  // A refusal is remembered for five seconds, so that the streams of a pod do not all ask.
  for (let tries = 0; served === undefined && tries < 100; tries++) {
    served = await world.served().catch(() => undefined);
    if (served === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(served, idOf('web'));
});

test('a process of a pod that was deleted is denied', async () => {
  const oracle = new Oracle();
  await using world = await NodeWorld.start(oracle);
  oracle.answer = inPod(world.api.addPod('shop', 'web-1', 'web').metadata.uid);
  assert.equal(await world.served(), idOf('web'));
  world.api.store('pods').delete('shop', 'web-1');
  const isServed = (): Promise<boolean> =>
    world.served().then(
      () => true,
      (error: unknown) => {
        assert.equal(Reflect.get(Object(error), 'status'), 'PERMISSION_DENIED');
        return false;
      },
    );
  // The watch tells of it a moment later.
  for (let tries = 0; await isServed(); tries++) assert.ok(tries < 500, 'it is served for ever');
});

test('with the embedded CA a process gets a JWT-SVID for its own service account, and an Envoy without a token the same certificate', async () => {
  const oracle = new Oracle();
  await using world = await NodeWorld.start(oracle, { embedded: true });
  oracle.answer = inPod(world.api.addPod('shop', 'web-1', 'web').metadata.uid);
  await using client = await world.connect();
  const fetchJwt = (spiffeId: string): Promise<Buffer> => {
    const request = JWTSVIDRequest.encode({ audience: ['reports'], spiffeId }).finish();
    return client.unary('/SpiffeWorkloadAPI/FetchJWTSVID', HEADERS, request);
  };
  assert.equal(JWTSVIDResponse.decode(await fetchJwt('')).svids[0]?.spiffeId, idOf('web'));
  await assert.rejects(fetchJwt(idOf('api')), { status: 'PERMISSION_DENIED' });
  await next(svidStream(client));
  await using envoy = await world.agent.connect();
  await new SecretStream(envoy, '', ['default']).next();
  assert.equal(world.agent.agent.status().identities.length, 1);
});

test('this very process is known by what the kernel would say of it in a pod', async () => {
  using proc = new ProcDirectory();
  const attestor = new KernelAttestor(new ProcessTable(proc.root));
  await using world = await NodeWorld.start(attestor);
  const { uid } = world.api.addPod('shop', 'web-1', 'web').metadata;
  proc.process(
    process.pid,
    `0::/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${'a'.repeat(64)}.scope\n`,
  );
  proc.uptime(1_000_000);
  // What a pidfd stands for, the real kernel says.
  mkdirSync(join(proc.root, 'self'));
  symlinkSync('/proc/self/fdinfo', join(proc.root, 'self', 'fdinfo'));
  assert.equal(await world.served(), idOf('web'));
  proc.process(process.pid, '0::/system.slice/sshd.service\n');
  await assert.rejects(world.served(), { status: 'PERMISSION_DENIED' });
});
