import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DiscoveryResponse } from '../src/gen/xds/discovery.ts';
import { Secret } from '../src/gen/xds/secret.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { GrpcClient } from '../src/transport/grpc-client.ts';
import { AgentWorld, encodeRequest, FETCH_SECRETS, SecretStream } from './agent-world.ts';
import { days } from './fakes/fake-clock.ts';
import { KubernetesApi } from './fakes/kubernetes-api.ts';
import { type PemPair, WebCa } from './fakes/web-ca.ts';

const ca = await WebCa.create(Date.now());
const issue = (): Promise<PemPair> => ca.issue('shop.example.com', Date.now() - 1000, Date.now() + days(90));

/** An agent that serves the Secrets of `namespace` to gateways. Tokens are those of the namespace `shop`. */
class GatewayAgent implements AsyncDisposable {
  readonly #folder: string;
  readonly api: KubernetesApi;
  readonly agent: AgentWorld;

  private constructor(folder: string, api: KubernetesApi, agent: AgentWorld) {
    this.#folder = folder;
    this.api = api;
    this.agent = agent;
  }

  static async start(namespace = 'shop'): Promise<GatewayAgent> {
    const folder = await mkdtemp(join(tmpdir(), 'sds-gateway-'));
    await mkdir(join(folder, 'gateway'));
    const api = await KubernetesApi.start({ clock: systemClock });
    await writeFile(join(folder, 'token'), api.agentToken());
    const env = {
      GATEWAY_SECRETS_NAMESPACE: namespace,
      GATEWAY_SDS_UDS_PATH: join(folder, 'gateway', 'uds_path'),
      KUBERNETES_API_SERVER: api.url,
      KUBERNETES_API_TOKEN_FILE: join(folder, 'token'),
      FILE_SECRET_DIRS: folder,
      PEER_ATTESTATION: 'off',
      TOKEN_VERIFIER: 'embedded',
    };
    return new GatewayAgent(folder, api, await AgentWorld.start({ env }));
  }

  get socket(): string {
    return join(this.#folder, 'gateway', 'uds_path');
  }

  async put(name: string, { chain, key }: PemPair, namespace = 'shop'): Promise<void> {
    const parts = { 'tls.crt': chain, 'tls.key': key, 'ca.crt': ca.rootPem };
    const data = Object.fromEntries(Object.entries(parts).map(([part, text]) => [part, btoa(text)]));
    this.api.store('secrets').put({ namespace, name, fields: { type: 'kubernetes.io/tls', data } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }
}

function secretsOf(response: DiscoveryResponse): Secret[] {
  return response.resources.map(({ value }) => Secret.decode(value));
}

test('a gateway is served Secrets by name and its own identity on its socket, and pushed what changes', {
  timeout: 60_000,
}, async () => {
  await using world = await GatewayAgent.start();
  await using client = await GrpcClient.connect(world.socket);
  const token = await world.agent.token('gateway');
  const pair = new SecretStream(client, token, ['shop']);
  const roots = new SecretStream(client, token, ['kubernetes://shop-cacert']);
  const own = new SecretStream(client, token, ['default']);
  assert.equal(secretsOf(await own.next())[0]?.name, 'default');
  const [first, second] = [await issue(), await issue()];
  await world.put('shop', first);
  const chain = (response: DiscoveryResponse): string =>
    String(secretsOf(response)[0]?.tlsCertificate?.certificateChain?.inlineBytes);
  assert.equal(chain(await pair.next()), first.chain);
  const [bundle] = secretsOf(await roots.next());
  assert.equal(bundle?.name, 'kubernetes://shop-cacert');
  assert.equal(String(bundle?.validationContext?.trustedCa?.inlineBytes), ca.rootPem);
  await world.put('shop', second);
  assert.equal(chain(await pair.next()), second.chain);
  world.api.store('secrets').delete('shop', 'shop');
  const { agent } = world.agent;
  await world.agent.until(() => agent.status().foreign.every(({ state }) => state === 'gone'));
  assert.deepEqual(
    agent
      .status()
      .foreign.map(({ kind, name, streams }) => [kind, name, streams])
      .sort(),
    [
      ['gateway-bundle', 'kubernetes://shop-cacert', 1],
      ['gateway-certificate', 'kubernetes://shop', 1],
    ],
  );
  assert.equal(agent.status().connections, 1);
  const port = world.agent.port('monitoring listens');
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  assert.match(metrics, /^sds_agent_secrets\{kind="gateway-certificate",status="gone"\} 1$/m);
});

test('on the other socket there are no Secrets, and on that of gateways no files', { timeout: 60_000 }, async () => {
  await using world = await GatewayAgent.start();
  await world.put('shop', await issue());
  await using gateway = await GrpcClient.connect(world.socket);
  const metadata = { authorization: await world.agent.token('gateway') };
  const request = (name: string): Uint8Array => encodeRequest({ resourceNames: [name] });
  await gateway.unary(FETCH_SECRETS, metadata, request('shop'));
  await using workload = await world.agent.connect();
  for (const name of ['shop', 'kubernetes://shop', 'shop-cacert']) {
    await assert.rejects(workload.unary(FETCH_SECRETS, metadata, request(name)), /no secret is served to you/);
  }
  await assert.rejects(
    gateway.unary(FETCH_SECRETS, metadata, request('file-root:system')),
    /no secret is served to you/,
  );
  await workload.unary(FETCH_SECRETS, metadata, request('file-root:system')).catch(({ status }) => {
    assert.equal(status, 'UNAVAILABLE', 'where the system has no roots');
  });
});

test('who has no token gets nothing', { timeout: 60_000 }, async () => {
  await using world = await GatewayAgent.start();
  await world.put('shop', await issue());
  await using client = await GrpcClient.connect(world.socket);
  await assert.rejects(client.unary(FETCH_SECRETS, {}, encodeRequest({ resourceNames: ['shop'] })), /token/);
});

test('a caller of another namespace is served its own identity alone', { timeout: 60_000 }, async () => {
  await using world = await GatewayAgent.start('gateways');
  await world.put('shop', await issue(), 'gateways');
  await world.put('shop', await issue(), 'shop');
  await using client = await GrpcClient.connect(world.socket);
  const metadata = { authorization: await world.agent.token('web') };
  const request = (name: string): Uint8Array => encodeRequest({ resourceNames: [name] });
  for (const name of ['shop', 'kubernetes://gateways/shop', 'kubernetes://shop/shop', 'shop-cacert', '*']) {
    await assert.rejects(client.unary(FETCH_SECRETS, metadata, request(name)), /no secret is served to you/);
  }
  await client.unary(FETCH_SECRETS, metadata, request('default'));
});

test('the socket goes when the agent stops', { timeout: 60_000 }, async () => {
  await using world = await GatewayAgent.start();
  await stat(world.socket);
  await world.agent.stop();
  await assert.rejects(stat(world.socket), { code: 'ENOENT' });
});
