import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { eventually } from '../../../demo/processes/eventually.ts';
import { freePort } from '../../../demo/processes/free-port.ts';
import { GuardedProcess } from '../../../demo/processes/guarded-process.ts';
import { nameBao, runVaultExample, type VaultExample } from '../../../demo/processes/run-vault-example.ts';
import { createLoopbackCertificate } from '../../identity/loopback-certificate.ts';
import { openBaoBinary } from './openbao-binary.ts';

/** A real OpenBao with TLS on loopback and its data in a folder of its own; it survives `kill` and `start`. */
export class OpenBao implements AsyncDisposable {
  readonly address: string;
  /** PEM that verifies it. */
  readonly tlsRootCert: string;
  readonly #folder: string;
  #process: GuardedProcess | undefined;
  #rootToken = '';
  #unsealKey = '';

  private constructor(folder: string, address: string, tlsRootCert: string) {
    this.#folder = folder;
    this.address = address;
    this.tlsRootCert = tlsRootCert;
  }

  /** Starts a new one, empty and unsealed. */
  static async create(): Promise<OpenBao> {
    const { cert, key } = await createLoopbackCertificate();
    const [port, clusterPort] = [await freePort(), await freePort()];
    const bao = new OpenBao(mkdtempSync('/tmp/sds-openbao-'), `https://localhost:${port}`, cert);
    try {
      bao.#prepare({ cert, key, port, clusterPort });
      await bao.#launch();
      await bao.#initialize();
      return bao;
    } catch (error) {
      await bao[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The file with `tlsRootCert`. */
  get tlsRootFile(): string {
    return join(this.#folder, 'cert.pem');
  }

  /** Runs an example with an administrator's token; rejects when it fails. */
  run(example: VaultExample, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const server = { BAO_ADDR: this.address, BAO_TOKEN: this.#rootToken, BAO_CACERT: this.tlsRootFile };
    return runVaultExample(this.#folder, example, { ...server, ...env });
  }

  /** A request to its API with an administrator's token; gives the JSON of the answer, rejects from 400 on. */
  api<T>(method: string, path: string, body?: object): Promise<T> {
    return new Promise((resolve, reject) => {
      const headers = { 'X-Vault-Token': this.#rootToken };
      const url = `${this.address}/v1/${path}`;
      request(url, { method, headers, ca: this.tlsRootCert, agent: false, timeout: 10_000 }, async (response) => {
        const text = Buffer.concat(await response.toArray()).toString();
        if ((response.statusCode ?? 0) < 400) resolve(JSON.parse(text || 'null'));
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
      })
        .on('error', reject)
        .end(body && JSON.stringify(body));
    });
  }

  seal(): Promise<void> {
    return this.api('PUT', 'sys/seal');
  }

  /** Resolves once it works. */
  async unseal(): Promise<void> {
    await this.api('PUT', 'sys/unseal', { key: this.#unsealKey });
    await eventually('OpenBao is active', async () => {
      const { standby } = await this.api<{ standby: boolean }>('GET', 'sys/health');
      return !standby;
    });
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** Starts it anew with its data, and unseals it. */
  async restart(): Promise<void> {
    await this.#launch();
    await this.unseal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #prepare(parts: { cert: string; key: string; port: number; clusterPort: number }): void {
    const keyFile = join(this.#folder, 'key.pem');
    const data = join(this.#folder, 'data');
    mkdirSync(data);
    writeFileSync(this.tlsRootFile, parts.cert);
    writeFileSync(keyFile, parts.key, { mode: 0o600 });
    nameBao(this.#folder, openBaoBinary());
    const address = `127.0.0.1:${parts.port}`;
    const clusterAddress = `127.0.0.1:${parts.clusterPort}`;
    const tls = { tls_cert_file: this.tlsRootFile, tls_key_file: keyFile };
    const config = {
      storage: { raft: { path: data, node_id: 'one' } },
      listener: { tcp: { address, cluster_address: clusterAddress, ...tls } },
      api_addr: this.address,
      cluster_addr: `https://${clusterAddress}`,
    };
    writeFileSync(join(this.#folder, 'config.json'), JSON.stringify(config));
  }

  async #launch(): Promise<void> {
    const logFile = join(this.#folder, 'server.log');
    const args = ['server', `-config=${join(this.#folder, 'config.json')}`];
    const running = new GuardedProcess({ command: openBaoBinary(), args, logFile });
    this.#process = running;
    const check = (): void => {
      if (!running.running) throw new Error(`OpenBao has ended: ${readFileSync(logFile, 'utf8').slice(-2000)}`);
    };
    await eventually('OpenBao answers', () => this.api('GET', 'sys/seal-status'), { check });
  }

  async #initialize(): Promise<void> {
    const once = { secret_shares: 1, secret_threshold: 1 };
    const init = await this.api<{ keys: string[]; root_token: string }>('PUT', 'sys/init', once);
    this.#unsealKey = init.keys.join();
    this.#rootToken = init.root_token;
    await this.unseal();
  }
}
