import type { CaProviderSettings } from '../provider-settings.ts';
import { parseVaultOptions } from './vault-options.ts';
import { VaultProvider } from './vault-provider.ts';

/**
 * Makes the provider `VaultCA`; Vault itself is not asked yet.
 *
 * @throws AgentError `settings-invalid`, listing everything that is missing or wrong
 */
export function createVaultProvider(settings: Pick<CaProviderSettings, 'vault' | 'clock' | 'log'>): VaultProvider {
  const { clock, log } = settings;
  const options = parseVaultOptions(settings);
  const { address, authPath, signCsrPath } = options;
  if (options.clearText) {
    log.warn('vault is asked over http, so tokens of workloads cross the network in clear text: use https', {
      address,
    });
  }
  log.info('vault signs', {
    address,
    authPath,
    signCsrPath,
    ...(options.namespace && { namespace: options.namespace }),
  });
  return new VaultProvider(options, clock);
}
