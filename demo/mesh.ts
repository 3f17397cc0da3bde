import { createServer } from 'node:http';
import { AgentProcess, type WorkloadName } from './processes/agent-process.ts';
import type { EnvoyProcess } from './processes/envoy-process.ts';
import { sidecarSockets, startSidecar } from './processes/sidecar.ts';
import { SteadyLoad } from './processes/steady-load.ts';

const WEB: WorkloadName = { namespace: 'demo', serviceAccount: 'web' };
const API: WorkloadName = { namespace: 'demo', serviceAccount: 'api' };
const REQUESTS_PER_SECOND = 100;

/** The agent, a client's and a server's sidecar, and the application behind the server's. */
export class Mesh implements AsyncDisposable {
  readonly agent: AgentProcess;
  readonly #folder: string;
  readonly #app = createServer((_, answer) => answer.end('hello'));
  readonly #envoys: EnvoyProcess[] = [];
  #load: SteadyLoad | undefined;

  /** @param settings the agent's, as environment variables */
  constructor(folder: string, settings: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.agent = new AgentProcess(folder, settings);
    this.#app.listen(sidecarSockets(folder).app);
  }

  /** Starts a sidecar for each workload; they accept each other's identity and no other. Resolves when both are live. */
  async startSidecars(binary: string): Promise<readonly EnvoyProcess[]> {
    const common = { binary, folder: this.#folder, agentSocketPath: this.agent.socketPath };
    const client = { ...common, role: 'client', tokenFile: await this.agent.mintToken(WEB), peer: toId(API) } as const;
    const server = { ...common, role: 'server', tokenFile: await this.agent.mintToken(API), peer: toId(WEB) } as const;
    for (const options of [client, server]) this.#envoys.push(startSidecar(options));
    await Promise.all(this.#envoys.map((envoy) => envoy.untilLive()));
    return this.#envoys;
  }

  /** Sends requests from now on: plaintext to the client's sidecar, mutual TLS to the server's, plaintext to the app. */
  startLoad(): SteadyLoad {
    this.#load = new SteadyLoad(sidecarSockets(this.#folder).outbound, REQUESTS_PER_SECOND);
    return this.#load;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#load?.stop();
    await Promise.all(this.#envoys.map((envoy) => envoy.stop()));
    await this.agent.stop();
    this.#app.close();
    this.#app.closeAllConnections();
  }
}

function toId({ namespace, serviceAccount }: WorkloadName): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
}
