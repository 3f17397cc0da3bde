import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { AGENT_LAUNCHER } from '../processes/agent-process.ts';
import { DevelopmentBao } from '../processes/development-bao.ts';
import { runToEnd } from '../processes/run-to-end.ts';
import type { DemoCa } from './demo-ca.ts';

/**
 * A real OpenBao, which speaks Vault's API, set up with the scripts of `examples/vault/`: workloads log in with their
 * tokens, and each can have its own SPIFFE ID signed and no other.
 */
export class VaultDemoCa implements DemoCa {
  readonly summary = 'Vault provider, with a real OpenBao';
  readonly #bao: DevelopmentBao;
  readonly #stateDir: string;
  #keys: Server | undefined;

  constructor(folder: string, binary: string) {
    this.#bao = new DevelopmentBao(folder, binary);
    this.#stateDir = join(folder, 'state');
  }

  async start(): Promise<Readonly<Record<string, string>>> {
    const env = { STATE_DIR: this.#stateDir };
    const JWKS_URL = await this.#serveKeys(await run(['token', '--jwks'], env));
    const sample = await run(['token', '--namespace', 'demo', '--service-account', 'nobody'], env);
    await this.#bao.start();
    await this.#bao.run('root-ca');
    await this.#bao.run('jwt-login', { JWKS_URL, ISSUER: issuerOf(sample) });
    await this.#bao.run('role', { AUTH: 'jwt' });
    return {
      CA_PROVIDER: 'VaultCA',
      VAULT_ADDR: this.#bao.address,
      VAULT_ROLE: 'workload',
      VAULT_AUTH_PATH: 'auth/jwt/login',
      VAULT_SIGN_CSR_PATH: 'istio_ca/sign/workload',
      TOKEN_VERIFIER: 'embedded',
      STATE_DIR: this.#stateDir,
    };
  }

  /** OpenBao verifies tokens with these, as it would with those of an API server. Resolves to where they are. */
  #serveKeys(jwks: string): Promise<string> {
    const server = createServer((_, answer) => answer.setHeader('content-type', 'application/json').end(jwks));
    this.#keys = server;
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}/`);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bao.stop();
    this.#keys?.close();
    this.#keys?.closeAllConnections();
  }
}

async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { status, stdout, stderr } = await runToEnd(AGENT_LAUNCHER, args, env);
  if (status !== 0) throw new Error(`sds-node-agent ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout.trim();
}

/** The `iss` of a token (RFC 7519, section 4.1.1). */
function issuerOf(token: string): string {
  const [, payload = ''] = token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).iss;
}
