import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCitadelProvider } from '../../../src/ca-providers/citadel/load-citadel-provider.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import type { CaProvider, SignRequest } from '../../../src/core/ca-provider.ts';
import { type SpiffeId, serviceAccountId } from '../../../src/core/spiffe-id.ts';
import { createCsr } from '../../../src/keys/csr.ts';
import { createKeyPair } from '../../../src/keys/key-pair.ts';
import { systemClock } from '../../../src/runtime/system-clock.ts';
import { CitadelCa } from '../../fakes/citadel-ca.ts';
import { hours } from '../../fakes/fake-clock.ts';
import { RecordingLog } from '../../fakes/recording-log.ts';
import { workloadToken } from '../../fakes/workload-tokens.ts';
import { createLoopbackCertificate } from '../../identity/loopback-certificate.ts';

export const WEB = serviceAccountId('cluster.local', 'shop', 'web');

/** One certificate for all: it says nothing about which CA it belongs to. */
export const TLS = createLoopbackCertificate();

/** The provider as the agent loads it from these settings. */
export function loadCitadel(env: Readonly<Record<string, string>>, log = new RecordingLog()): Promise<CaProvider> {
  const settings = loadSettings({ CA_PROVIDER: 'Citadel', TOKEN_VERIFIER: 'embedded', ...env });
  return loadCitadelProvider({ ...settings, trustDomain: 'cluster.local', clock: systemClock, log });
}

/** A request of this identity, with its own token. */
export async function newRequest(id: SpiffeId = WEB, ttlMs = hours(1)): Promise<SignRequest> {
  const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  return { id, csr: createCsr(keyPair, id), ttlMs, token: workloadToken(id) };
}

/** A CA with TLS, the directory with the file of `CA_ROOT_CA`, and a provider that knows both. */
export class CitadelWorld implements AsyncDisposable {
  readonly ca: CitadelCa;
  readonly directory: string;
  readonly rootFile: string;
  readonly log = new RecordingLog();

  private constructor(ca: CitadelCa, directory: string) {
    this.ca = ca;
    this.directory = directory;
    this.rootFile = join(directory, 'root-cert.pem');
  }

  static async start(): Promise<CitadelWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'citadel-'));
    const world = new CitadelWorld(await CitadelCa.start({ tls: await TLS }), directory);
    await writeFile(world.rootFile, (await TLS).cert);
    return world;
  }

  /** @param env settings in place of those that fit */
  load(env: Readonly<Record<string, string>> = {}): Promise<CaProvider> {
    const fitting = { CA_ADDR: this.ca.address, CA_ROOT_CA: this.rootFile, CA_SERVER_NAME: 'localhost' };
    return loadCitadel({ ...fitting, ...env }, this.log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ca[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true });
  }
}
