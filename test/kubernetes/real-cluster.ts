import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomHex } from '../../src/keys/random.ts';
import { KubernetesClient } from '../../src/kubernetes/kubernetes-client.ts';
import { readText } from '../../src/kubernetes/read-path.ts';
import { readBounded } from '../../src/runtime/read-bounded.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import type { ClusterUnderTest, TestPod } from './cluster-cases.ts';

/** How a real API server is reached, by somebody who may make a namespace and everything in it. */
export interface RealClusterOptions {
  readonly url: string;
  readonly token: string;
  readonly ca: string | undefined;
}

/**
 * A real cluster: a namespace for these tests, which is deleted afterwards, and pods of a node that there is none of, so
 * that nothing ever runs.
 */
export class RealCluster implements ClusterUnderTest {
  readonly namespace: string;
  readonly nodeName: string;
  readonly clock = systemClock;
  readonly client: KubernetesClient;
  readonly powerless: KubernetesClient;
  readonly stranger: KubernetesClient;
  readonly #options: RealClusterOptions;
  readonly #directory: string;

  private constructor(options: RealClusterOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
    this.namespace = `sds-test-${randomHex(4)}`;
    this.nodeName = `${this.namespace}-node`;
    const caFile = options.ca === undefined ? undefined : join(directory, 'ca');
    const clientOf = (name: string): KubernetesClient =>
      new KubernetesClient({ server: options.url, caFile, tokenFile: join(directory, name), clock: systemClock });
    this.client = clientOf('admin');
    this.powerless = clientOf('powerless');
    this.stranger = clientOf('stranger');
  }

  static async start(options: RealClusterOptions): Promise<RealCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'real-cluster-'));
    await writeFile(join(directory, 'admin'), options.token);
    await writeFile(join(directory, 'stranger'), 'nonsense');
    if (options.ca !== undefined) await writeFile(join(directory, 'ca'), options.ca);
    const cluster = new RealCluster(options, directory);
    await cluster.#ask('POST', '/api/v1/namespaces', { metadata: { name: cluster.namespace } });
    await cluster.addServiceAccount('powerless');
    const answer = await cluster.#ask('POST', cluster.#path('serviceaccounts/powerless/token'), { spec: {} });
    await writeFile(join(directory, 'powerless'), readText(answer, 'status', 'token') ?? '');
    return cluster;
  }

  async addServiceAccount(name: string): Promise<void> {
    await this.#ask('POST', this.#path('serviceaccounts'), { metadata: { name } });
  }

  async addPod(name: string, serviceAccountName: string, nodeName = this.nodeName): Promise<TestPod> {
    const spec = { nodeName, serviceAccountName, containers: [{ name: 'none', image: 'none.invalid/none' }] };
    const pod = await this.#ask('POST', this.#path('pods'), { metadata: { name }, spec });
    return { name, uid: readText(pod, 'metadata', 'uid') ?? assert.fail('a pod without UID') };
  }

  async deletePod(name: string): Promise<void> {
    await this.#ask('DELETE', `${this.#path(`pods/${name}`)}?gracePeriodSeconds=0`);
  }

  async putSecret(...[name, type, labels, data]: Parameters<ClusterUnderTest['putSecret']>): Promise<void> {
    const head = { apiVersion: 'v1', kind: 'Secret', metadata: { name, labels } };
    const exists = (await this.#send('GET', this.#path(`secrets/${name}`))).status === 200;
    const path = exists ? this.#path(`secrets/${name}`) : this.#path('secrets');
    await this.#ask(exists ? 'PUT' : 'POST', path, { ...head, type, data });
  }

  async deleteSecret(name: string): Promise<void> {
    await this.#ask('DELETE', this.#path(`secrets/${name}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ask('DELETE', `${this.#path('pods')}?gracePeriodSeconds=0`);
    await this.#ask('DELETE', `/api/v1/namespaces/${this.namespace}`);
    await rm(this.#directory, { recursive: true });
  }

  #path(rest: string): string {
    return `/api/v1/namespaces/${this.namespace}/${rest}`;
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const { status, text } = await this.#send(method, path, body);
    assert.ok(status >= 200 && status < 300, `${method} ${path} was answered ${status}: ${text}`);
    return JSON.parse(text);
  }

  async #send(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { url, token, ca } = this.#options;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const request = url.startsWith('https:') ? requestHttps : requestHttp;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(`${url}${path}`, { method, headers, ...(ca !== undefined && { ca }) }, resolve);
      sent.on('error', reject).end(body && JSON.stringify(body));
    });
    const onTooLarge = (): Error => new Error('the answer is too large');
    return { status: response.statusCode ?? 0, text: (await readBounded(response, 1 << 24, onTooLarge)).toString() };
  }
}
