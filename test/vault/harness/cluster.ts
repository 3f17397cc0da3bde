import type { VaultExample } from '../../../demo/processes/run-vault-example.ts';
import type { CaProviderSettings } from '../../../src/ca-providers/provider-settings.ts';
import { createVaultProvider } from '../../../src/ca-providers/vault/create-vault-provider.ts';
import type { VaultProvider } from '../../../src/ca-providers/vault/vault-provider.ts';
import { systemClock } from '../../../src/runtime/system-clock.ts';
import { RecordingLog } from '../../fakes/recording-log.ts';
import { OpenBao } from './openbao.ts';
import { TokenIssuer } from './token-issuer.ts';

/** A real OpenBao and workloads with tokens that it accepts. */
export class Cluster implements AsyncDisposable {
  readonly bao: OpenBao;
  readonly tokens: TokenIssuer;
  readonly log = new RecordingLog();

  private constructor(bao: OpenBao, tokens: TokenIssuer) {
    this.bao = bao;
    this.tokens = tokens;
  }

  /** Starts both, and sets OpenBao up with the examples of `examples/vault/`. */
  static async start(ca: 'root-ca' | 'intermediate-ca', auth: 'jwt' | 'kubernetes'): Promise<Cluster> {
    const cluster = new Cluster(await OpenBao.create(), await TokenIssuer.start());
    try {
      await cluster.#setUp(ca, auth);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  provider(more: Partial<CaProviderSettings['vault']> = {}): VaultProvider {
    const vault = {
      address: this.bao.address,
      role: 'workload',
      authPath: 'auth/jwt/login',
      signCsrPath: 'istio_ca/sign/workload',
      tlsRootCert: this.bao.tlsRootCert,
      namespace: undefined,
      ...more,
    };
    return createVaultProvider({ vault, clock: systemClock, log: this.log });
  }

  /** A new root in the mount, which signs from now on. */
  async changeRoot(): Promise<void> {
    const ask = { common_name: 'next mesh root', key_type: 'ec', ttl: '87600h' };
    const { data } = await this.bao.api<{ data: { issuer_id: string } }>('PUT', 'istio_ca/root/rotate/internal', ask);
    await this.bao.api('PUT', 'istio_ca/root/replace', { default: data.issuer_id });
  }

  /** Takes the root's certificate out of an intermediate's mount, and gives it. */
  async removeRoot(): Promise<string> {
    const { bao } = this;
    const certificateAt = async (path: string): Promise<string> => {
      const { data } = await bao.api<{ data: { certificate: string } }>('GET', path);
      return data.certificate.trim();
    };
    const root = await certificateAt('root_ca/cert/ca');
    const { data } = await bao.api<{ data: { keys: string[] } }>('LIST', 'istio_ca/issuers');
    for (const key of data.keys) {
      const path = `istio_ca/issuer/${key}`;
      if ((await certificateAt(path)) === root) await bao.api('DELETE', path);
    }
    return root;
  }

  async #setUp(ca: VaultExample, auth: 'jwt' | 'kubernetes'): Promise<void> {
    const { bao, tokens } = this;
    await bao.run(ca);
    await bao.run(`${auth}-login`, {
      ...{ JWKS_URL: tokens.jwksUrl, ISSUER: tokens.issuer.issuer },
      ...{ KUBERNETES_HOST: tokens.url, KUBERNETES_CA: bao.tlsRootFile, REVIEWER_JWT: 'reviewer' },
    });
    await bao.run('role', { AUTH: auth });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tokens[Symbol.asyncDispose]();
    await this.bao[Symbol.asyncDispose]();
  }
}
