import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT_LAUNCHER } from './agent-process.ts';
import { eventually } from './eventually.ts';
import { GuardedProcess } from './guarded-process.ts';

/** `sds-node-agent ca` as a process of its own, on a port of loopback that it keeps when it is started again. */
export class CaProcess {
  readonly rootFile: string;
  readonly logFile: string;
  readonly stateDir: string;
  #port = 0;
  #starts = 0;
  #process: GuardedProcess | undefined;

  /** @param folder everything that it writes is in there */
  constructor(folder: string) {
    this.rootFile = join(folder, 'ca-root.pem');
    this.logFile = join(folder, 'ca.log');
    this.stateDir = join(folder, 'ca-state');
  }

  /** For `CA_ADDR`. */
  get address(): string {
    return `localhost:${this.#port}`;
  }

  /** Starts it, and resolves once it serves. */
  async start(): Promise<void> {
    const args = ['ca', '--listen', `127.0.0.1:${this.#port}`, '--root-file', this.rootFile];
    const env = { STATE_DIR: this.stateDir, MONITORING_PORT: '', LOG_FORMAT: 'json' };
    const running = new GuardedProcess({ command: AGENT_LAUNCHER, args, env, logFile: this.logFile });
    this.#process = running;
    this.#starts++;
    const check = (): void => running.assertRunning();
    const lines = await eventually('the CA serves', async () => this.#linesOfStarts(), { check });
    this.#port = Number(JSON.parse(lines[0] ?? '{}').port);
  }

  /** Ends it as an operator does, with SIGTERM. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** Ends it as the kernel does when memory is short. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** How many certificates it has issued since its first start. */
  issued(): number {
    return this.#lines('a certificate was issued').length;
  }

  #linesOfStarts(): string[] | undefined {
    const lines = this.#lines('the CA serves');
    return lines.length < this.#starts ? undefined : lines;
  }

  #lines(message: string): string[] {
    const lines = readFileSync(this.logFile, 'utf8').split('\n');
    return lines.filter((line) => line.includes(JSON.stringify(message)));
  }
}
