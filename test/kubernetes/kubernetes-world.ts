import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesClient } from '../../src/kubernetes/kubernetes-client.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { KubernetesApi } from '../fakes/kubernetes-api.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

/** An API server, and a client of it whose credential is in files. */
export class KubernetesWorld implements AsyncDisposable {
  readonly api: KubernetesApi;
  readonly client: KubernetesClient;
  readonly clock: FakeClock;
  readonly log = new RecordingLog();
  readonly directory: string;

  private constructor(api: KubernetesApi, clock: FakeClock, directory: string, withCa: boolean) {
    this.api = api;
    this.clock = clock;
    this.directory = directory;
    const caFile = withCa ? this.caFile : undefined;
    this.client = new KubernetesClient({ server: api.url, caFile, tokenFile: this.tokenFile, clock });
  }

  /** @param tls what the server shows, and what the client verifies it with; left out: plain HTTP */
  static async start(tls?: { readonly cert: string; readonly key: string; readonly ca: string }) {
    const clock = new FakeClock();
    const api = await KubernetesApi.start({ clock, ...(tls && { tls }) });
    const directory = await mkdtemp(join(tmpdir(), 'kubernetes-'));
    const world = new KubernetesWorld(api, clock, directory, tls !== undefined);
    await world.writeToken(api.agentToken());
    if (tls !== undefined) await writeFile(world.caFile, tls.ca);
    return world;
  }

  get tokenFile(): string {
    return join(this.directory, 'token');
  }

  get caFile(): string {
    return join(this.directory, 'ca.crt');
  }

  /** With a line break at its end, as people write files. */
  async writeToken(token: string): Promise<void> {
    await writeFile(this.tokenFile, `${token}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true });
  }
}
