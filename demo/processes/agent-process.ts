import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { GuardedProcess } from './guarded-process.ts';
import { runToEnd } from './run-to-end.ts';

/** What users call. */
export const AGENT_LAUNCHER = join(import.meta.dirname, '../../../bin/sds-node-agent');

export interface WorkloadName {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The real agent as a process of its own, with everything it owns in one folder. */
export class AgentProcess {
  readonly socketPath: string;
  readonly logFile: string;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  #process: GuardedProcess | undefined;

  /** @param settings as environment variables; they come on top of the folder's paths */
  constructor(folder: string, settings: Readonly<Record<string, string>> = {}) {
    this.#folder = folder;
    this.socketPath = join(folder, 'sds', 'uds_path');
    this.logFile = join(folder, 'agent.log');
    mkdirSync(join(folder, 'sds'), { recursive: true });
    mkdirSync(join(folder, 'sds-admin'), { recursive: true, mode: 0o700 });
    this.#env = {
      SDS_UDS_PATH: this.socketPath,
      ADMIN_SOCKET: join(folder, 'sds-admin', 'admin.sock'),
      STATE_DIR: join(folder, 'state'),
      MONITORING_ADDRESS: '127.0.0.1',
      MONITORING_PORT: '0',
      DEBUG_PORT: '0',
      LOG_FORMAT: 'json',
      ...settings,
    };
  }

  /** Starts it and resolves once its socket takes connections. */
  async start(): Promise<void> {
    const running = new GuardedProcess({
      command: AGENT_LAUNCHER,
      args: ['run'],
      env: this.#env,
      logFile: this.logFile,
    });
    this.#process = running;
    await eventually('the agent takes connections', () => takesConnections(this.socketPath), {
      check: () => running.assertRunning(),
    });
  }

  /** Ends it as an operator does, with SIGTERM. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** Ends it as the kernel does when memory is short. Its socket file stays behind. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  assertRunning(): void {
    this.#process?.assertRunning();
  }

  /** The port that the agent has logged with this message; it chooses its ports itself. */
  portOf(message: string): Promise<number> {
    return eventually(`the agent logs that ${message}`, async () => {
      const line = readFileSync(this.logFile, 'utf8')
        .split('\n')
        .find((text) => text.includes(JSON.stringify(message)));
      return line === undefined ? undefined : Number(JSON.parse(line).port);
    });
  }

  /** Runs another command of the launcher with this agent's settings; rejects when it fails. Gives its stdout. */
  async command(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await runToEnd(AGENT_LAUNCHER, args, this.#env);
    if (status !== 0) throw new Error(`sds-node-agent ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** Makes a token for a workload and gives the file that holds it. */
  async mintToken({ namespace, serviceAccount }: WorkloadName): Promise<string> {
    const token = await this.command('token', '--namespace', namespace, '--service-account', serviceAccount);
    const file = join(this.#folder, `${namespace}-${serviceAccount}.token`);
    writeFileSync(file, token.trim(), { mode: 0o600 });
    return file;
  }
}

function takesConnections(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
