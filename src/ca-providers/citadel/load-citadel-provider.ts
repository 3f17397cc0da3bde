import { AgentError } from '../../core/agent-error.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { CaProviderSettings } from '../provider-settings.ts';
import { createCallMetadata } from './call-metadata.ts';
import { CitadelProvider } from './citadel-provider.ts';
import { parseCaAddress } from './parse-ca-address.ts';
import { ReplaceableConnection } from './replaceable-connection.ts';
import { FileTlsRoots, publicTlsRoots, type TlsRoots } from './tls-roots.ts';

/**
 * Makes the provider; the CA is not asked anything yet.
 *
 * @throws AgentError `settings-invalid`, naming the setting: `CA_ADDR`, `CA_ROOT_CA`, `CLUSTER_ID` or a `CA_HEADER_<NAME>`
 */
export async function loadCitadelProvider({ ca, clock, log }: CaProviderSettings): Promise<CitadelProvider> {
  if (ca.address === undefined) {
    throw new AgentError('settings-invalid', 'CA_ADDR is not set, and Citadel needs it: host:port or unix:/path');
  }
  const { target, host } = parseCaAddress(ca.address);
  const { rootCaFile, serverName } = ca;
  if (host === undefined && (rootCaFile !== undefined || serverName !== undefined)) {
    throw new AgentError(
      'settings-invalid',
      'CA_ROOT_CA and CA_SERVER_NAME are for TLS, and a unix socket in CA_ADDR is spoken to in plain text: remove them',
    );
  }
  const metadata = createCallMetadata(ca.clusterId, ca.headers);
  const name = serverName ?? host;
  const tls = name === undefined ? undefined : { name, roots: await loadTlsRoots(rootCaFile, clock, log) };
  return new CitadelProvider(new ReplaceableConnection({ target, tls, authority: serverName }), metadata, clock);
}

async function loadTlsRoots(file: string | undefined, clock: Clock, log: Log): Promise<TlsRoots> {
  return file === undefined ? publicTlsRoots() : FileTlsRoots.load(file, clock, log);
}
