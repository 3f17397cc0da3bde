import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesClient } from '../../src/kubernetes/kubernetes-client.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { KubernetesApi } from '../fakes/kubernetes-api.ts';
import type { ClusterUnderTest, TestPod } from './cluster-cases.ts';

/** The cluster of the fake API server. */
export class FakeCluster implements ClusterUnderTest {
  readonly namespace = 'shop';
  readonly nodeName = 'node-1';
  readonly clock = systemClock;
  readonly client: KubernetesClient;
  readonly powerless: KubernetesClient;
  readonly stranger: KubernetesClient;
  readonly #api: KubernetesApi;
  readonly #directory: string;

  private constructor(api: KubernetesApi, directory: string) {
    this.#api = api;
    this.#directory = directory;
    const clientOf = (name: string): KubernetesClient =>
      new KubernetesClient({
        server: api.url,
        caFile: undefined,
        tokenFile: join(directory, name),
        clock: systemClock,
      });
    this.client = clientOf('agent');
    this.powerless = clientOf('powerless');
    this.stranger = clientOf('stranger');
  }

  static async start(): Promise<FakeCluster> {
    const api = await KubernetesApi.start({ clock: systemClock });
    const directory = await mkdtemp(join(tmpdir(), 'fake-cluster-'));
    const serviceAccount = api.addServiceAccount('shop', 'powerless');
    api.powerless.add('system:serviceaccount:shop:powerless');
    await writeFile(join(directory, 'agent'), api.agentToken());
    await writeFile(join(directory, 'powerless'), api.tokens.mint({ serviceAccount, seconds: 3600 }));
    await writeFile(join(directory, 'stranger'), 'nonsense');
    return new FakeCluster(api, directory);
  }

  async addServiceAccount(name: string): Promise<void> {
    this.#api.addServiceAccount('shop', name);
  }

  async addPod(name: string, serviceAccount: string, nodeName = 'node-1'): Promise<TestPod> {
    return this.#api.addPod('shop', name, serviceAccount, nodeName).metadata;
  }

  async deletePod(name: string): Promise<void> {
    this.#api.store('pods').delete('shop', name);
  }

  async putSecret(...[name, type, labels, data]: Parameters<ClusterUnderTest['putSecret']>): Promise<void> {
    this.#api.store('secrets').put({ namespace: 'shop', name, labels, fields: { type, data } });
  }

  async deleteSecret(name: string): Promise<void> {
    this.#api.store('secrets').delete('shop', name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }
}
