import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';
import { nameBao, runVaultExample, type VaultExample } from './run-vault-example.ts';

/** Of a server that is on loopback, in memory, and gone with the demo. */
const ROOT_TOKEN = 'root';

/** OpenBao's development server: unsealed, in memory, plain HTTP on loopback. */
export class DevelopmentBao {
  address = '';
  readonly #folder: string;
  readonly #binary: string;
  #process: GuardedProcess | undefined;

  constructor(folder: string, binary: string) {
    this.#folder = folder;
    this.#binary = binary;
  }

  /** Starts it, and resolves once it answers. */
  async start(): Promise<void> {
    const port = await freePort();
    this.address = `http://127.0.0.1:${port}`;
    const logFile = join(this.#folder, 'openbao.log');
    const listen = [`-dev-listen-address=127.0.0.1:${port}`, '-dev-no-store-token'];
    const args = ['server', '-dev', `-dev-root-token-id=${ROOT_TOKEN}`, ...listen];
    const running = new GuardedProcess({ command: this.#binary, args, env: { HOME: this.#folder }, logFile });
    this.#process = running;
    nameBao(this.#folder, this.#binary);
    const check = (): void => {
      if (!running.running) throw new Error(`OpenBao has ended: ${readFileSync(logFile, 'utf8').slice(-2000)}`);
    };
    await eventually('OpenBao answers', async () => (await fetch(`${this.address}/v1/sys/health`)).ok, { check });
  }

  /** Runs a script of `examples/vault/` with an administrator's token; rejects when it fails. */
  run(example: VaultExample, env: Readonly<Record<string, string>> = {}): Promise<void> {
    return runVaultExample(this.#folder, example, { BAO_ADDR: this.address, BAO_TOKEN: ROOT_TOKEN, ...env });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
