import type { TestContext } from 'node:test';
import type { CaProviderSettings } from '../../src/ca-providers/provider-settings.ts';
import { createVaultProvider } from '../../src/ca-providers/vault/create-vault-provider.ts';
import type { VaultProvider } from '../../src/ca-providers/vault/vault-provider.ts';
import type { SignRequest } from '../../src/core/ca-provider.ts';
import type { Token } from '../../src/core/caller.ts';
import { type SpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair, type KeyPair } from '../../src/keys/key-pair.ts';
import { type VerifiedIssuance, verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { FakeClock, hours } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { VaultServer } from '../fakes/vault-server.ts';

export const WEB = serviceAccountId('cluster.local', 'shop', 'web');
export const API = serviceAccountId('cluster.local', 'shop', 'api');

/** A signal that never aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

/** A provider and its Vault. */
export class VaultWorld {
  readonly clock: FakeClock;
  readonly log = new RecordingLog();
  readonly server: VaultServer;
  readonly provider: VaultProvider;

  private constructor(server: VaultServer, clock: FakeClock, more: Partial<CaProviderSettings['vault']>) {
    this.clock = clock;
    this.server = server;
    this.provider = createVaultProvider({ vault: server.settings(more), clock, log: this.log });
  }

  static async start(
    t: TestContext,
    more: Partial<CaProviderSettings['vault']> = {},
    tls?: { readonly cert: string; readonly key: string },
  ): Promise<VaultWorld> {
    const clock = new FakeClock();
    const server = await VaultServer.start(clock, tls);
    t.after(() => server[Symbol.asyncDispose]());
    return new VaultWorld(server, clock, more);
  }

  /** A request of this workload with a new key. */
  async request(id: SpiffeId = WEB, token: Token = this.server.token(id)): Promise<SignRequest & { keyPair: KeyPair }> {
    const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
    return { id, csr: createCsr(keyPair, id), ttlMs: hours(1), token, keyPair };
  }

  /** Has a certificate signed and verifies it with the roots, as the issuer does. */
  async issue(id: SpiffeId = WEB, token?: Token): Promise<VerifiedIssuance & { chain: readonly Uint8Array[] }> {
    const request = await this.request(id, token);
    const chain = await this.provider.sign(request, never());
    const roots = await this.provider.roots(never());
    const { publicKeyDer } = request.keyPair;
    return { chain, ...verifyIssuance({ chain, roots, spiffeId: id, publicKeyDer, nowMs: this.clock.now() }) };
  }
}
