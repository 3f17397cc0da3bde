import { CaProcess } from '../processes/ca-process.ts';
import type { DemoCa } from './demo-ca.ts';

/** `sds-node-agent ca`, which speaks the API of Istio's CA, over TLS on loopback. */
export class CitadelDemoCa implements DemoCa {
  readonly summary = 'Citadel provider, with `sds-node-agent ca` as the Istio CA';
  readonly #ca: CaProcess;

  constructor(folder: string) {
    this.#ca = new CaProcess(folder);
  }

  async start(): Promise<Readonly<Record<string, string>>> {
    await this.#ca.start();
    return {
      CA_PROVIDER: 'Citadel',
      CA_ADDR: this.#ca.address,
      CA_ROOT_CA: this.#ca.rootFile,
      // One issuer of tokens for both, as one API server is for a cluster.
      TOKEN_VERIFIER: 'embedded',
      STATE_DIR: this.#ca.stateDir,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ca.stop();
  }
}
