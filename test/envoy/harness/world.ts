import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { AgentProcess, type WorkloadName } from '../../../demo/processes/agent-process.ts';
import type { EnvoyProcess } from '../../../demo/processes/envoy-process.ts';
import { eventually } from '../../../demo/processes/eventually.ts';
import { type SidecarOptions, sidecarSockets, startSidecar } from '../../../demo/processes/sidecar.ts';
import { SteadyLoad } from '../../../demo/processes/steady-load.ts';
import { envoyBinary } from './envoy-binary.ts';

export const WEB: WorkloadName = { namespace: 'test', serviceAccount: 'web' };
export const API: WorkloadName = { namespace: 'test', serviceAccount: 'api' };
export const REQUESTS_PER_SECOND = 100;

const TAIL_CHARACTERS = 4_000;

export function spiffeIdOf({ namespace, serviceAccount }: WorkloadName): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
}

/**
 * A node of its own for one test: an agent, a client's and a server's sidecar, an application. Everything ends with
 * the scope. When the test fails, the folder stays, and the ends of the logs are printed.
 */
export class World {
  /** Short, because a socket's path has 107 bytes at most. */
  readonly folder = mkdtempSync('/tmp/sds-test-');
  readonly agent: AgentProcess;
  readonly #envoys: EnvoyProcess[] = [];
  readonly #app = createServer((_, answer) => answer.end('hello'));
  #load: SteadyLoad | undefined;

  /** @param settings the agent's, as environment variables */
  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.agent = new AgentProcess(this.folder, settings);
    this.#app.listen(sidecarSockets(this.folder).app);
  }

  /** Starts one sidecar; it need not get ready. */
  startEnvoy(
    role: 'server' | 'client',
    tokenFile: string,
    flags: readonly string[] = [],
    more: Partial<Pick<SidecarOptions, 'edit' | 'agentSocketPath'>> = {},
  ): EnvoyProcess {
    const envoy = startSidecar({
      ...{ binary: envoyBinary(), folder: this.folder, role, tokenFile, flags },
      ...{ agentSocketPath: this.agent.socketPath, ...more },
      peer: spiffeIdOf(role === 'server' ? WEB : API),
    });
    this.#envoys.push(envoy);
    return envoy;
  }

  /** Starts a server's and a client's sidecar that accept each other, and resolves when both are live. */
  async startSidecars(flags: readonly string[] = []): Promise<{ server: EnvoyProcess; client: EnvoyProcess }> {
    const server = this.startEnvoy('server', await this.agent.mintToken(API), flags);
    const client = this.startEnvoy('client', await this.agent.mintToken(WEB), flags);
    await Promise.all([server.untilLive(), client.untilLive()]);
    return { server, client };
  }

  /** Requests through both sidecars, a new handshake for each; resolves once some have been answered. */
  async startLoad(): Promise<SteadyLoad> {
    const load = new SteadyLoad(sidecarSockets(this.folder).outbound, REQUESTS_PER_SECOND);
    this.#load = load;
    await this.untilMoreRequests(10);
    return load;
  }

  /** Resolves once so many more requests have ended, well or badly. */
  async untilMoreRequests(more: number): Promise<void> {
    const ended = (): number => (this.#load === undefined ? 0 : this.#load.count.ok + this.#load.count.failed);
    const goal = ended() + more;
    await eventually(`${more} requests more`, async () => ended() >= goal);
  }

  logTails(): string {
    const files = [this.agent.logFile, ...this.#envoys.map((envoy) => envoy.logFile)];
    return files.map((file) => `--- ${file}\n${tail(file)}`).join('\n');
  }

  async end(): Promise<void> {
    await this.#load?.stop();
    await Promise.all(this.#envoys.map((envoy) => envoy.stop()));
    await this.agent.stop();
    this.#app.close();
    this.#app.closeAllConnections();
  }
}

/** Runs the work in a new world, and ends that. */
export async function inWorld(
  work: (world: World) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const world = new World(settings);
  try {
    await work(world);
  } catch (error) {
    console.error(`logs and configurations of the failed test are in ${world.folder}\n${world.logTails()}`);
    throw error;
  } finally {
    await world.end();
  }
  rmSync(world.folder, { recursive: true, force: true });
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-TAIL_CHARACTERS);
  } catch {
    return '(no log)';
  }
}
