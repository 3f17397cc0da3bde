import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { rotate } from '../../src/cli/admin-client.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { loadDevelopmentIssuer } from '../../src/identity/development-issuer.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import type { BenchContext } from '../bench-context.ts';
import type { OwnedProcess } from '../processes/owned-process.ts';
import { readUsage, type Usage } from '../processes/process-usage.ts';
import type { MeasuredServer } from './measured-server.ts';
import { takesConnections } from './takes-connections.ts';

const TRUST_DOMAIN = 'cluster.local';
const NAMESPACE = 'shop';
const TOKEN_TTL_MS = 3_600_000;

/** The agent as it is shipped, with the embedded CA and, unless told otherwise, default settings, in a folder of its own. */
export class AgentServer implements MeasuredServer {
  readonly socketPath: string;
  readonly #context: BenchContext;
  readonly #folder: string;
  readonly #stateDir: string;
  readonly #owned: OwnedProcess;

  private constructor(context: BenchContext, folder: string, stateDir: string, owned: OwnedProcess) {
    this.socketPath = join(folder, 'sds', 'socket');
    this.#context = context;
    this.#folder = folder;
    this.#stateDir = stateDir;
    this.#owned = owned;
  }

  /**
   * Starts it and resolves once its socket takes connections.
   *
   * @param settings what is not to be the default; tokens are those of the development issuer in its `STATE_DIR`
   */
  static async start(context: BenchContext, settings: Readonly<Record<string, string>> = {}): Promise<AgentServer> {
    const folder = context.newFolder();
    const { STATE_DIR: stateDir = join(folder, 'state') } = settings;
    mkdirSync(join(folder, 'sds'));
    const log = openSync(join(folder, 'agent.log'), 'a');
    const { launcher, profileFolder } = context.options;
    const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
    const child = spawn(process.execPath, [...profiling, launcher, 'run'], {
      detached: true,
      stdio: ['ignore', log, log],
      env: {
        STATE_DIR: stateDir,
        SDS_UDS_PATH: join(folder, 'sds', 'socket'),
        ADMIN_SOCKET: join(folder, 'admin', 'socket'),
        MONITORING_PORT: '0',
        DEBUG_PORT: '0',
        ...settings,
      },
    });
    closeSync(log);
    const agent = new AgentServer(context, folder, stateDir, context.pen.own('the agent', child));
    await Promise.race([takesConnections(agent.socketPath), agent.#owned.failure]);
    return agent;
  }

  usage(): Usage {
    return readUsage(this.#owned.pid);
  }

  /** Tokens that the agent accepts, of the workloads number `first` and up. */
  async mintTokens(count: number, first = 0): Promise<string[]> {
    const issuer = await loadDevelopmentIssuer({
      stateDir: this.#stateDir,
      trustDomain: TRUST_DOMAIN,
      clock: systemClock,
    });
    const minting = Array.from({ length: count }, async (_, index) => {
      const serviceAccount = workloadName(first + index);
      const names = { namespace: NAMESPACE, serviceAccount, pod: serviceAccount };
      return (await issuer.mint({ ...names, audiences: ['istio-ca'], ttlMs: TOKEN_TTL_MS })).reveal();
    });
    return await Promise.all(minting);
  }

  /** Renews the certificate of one workload; resolves when the new one is published. */
  async rotate(workload: number): Promise<void> {
    const identity = serviceAccountId(TRUST_DOMAIN, NAMESPACE, workloadName(workload));
    for await (const event of rotate(join(this.#folder, 'admin', 'socket'), { identity }, this.#context.signal)) {
      if ('error' in event) throw new Error(`the agent does not renew ${identity}: ${JSON.stringify(event)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.stop();
  }
}

function workloadName(index: number): string {
  return `workload-${index}`;
}
