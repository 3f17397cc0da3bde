import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import type { CaProvider } from '../core/ca-provider.ts';
import type { JwtAuthority } from '../core/jwt-authority.ts';
import type { RotatableRoot } from '../core/root-rotation.ts';
import type { CaProviderSettings } from './provider-settings.ts';

/** A provider; one whose root the agent can replace also says how, and one that can make JWT-SVIDs too. */
export interface LoadedCaProvider {
  readonly provider: CaProvider;
  readonly rotatableRoot?: RotatableRoot;
  /** Makes or reads the keys: call it where JWT-SVIDs are wanted, and nowhere else. Rejects with `ca-state-broken`. */
  readonly loadJwtAuthority?: () => Promise<JwtAuthority>;
}

type Loader = (settings: CaProviderSettings, name: string) => Promise<LoadedCaProvider>;

/** Imported when chosen and not before: what the other providers need costs memory on each node. */
const LOADERS: ReadonlyMap<string, Loader> = new Map<string, Loader>([
  [
    'Embedded',
    async (settings) => {
      const { loadEmbeddedProvider } = await import('./embedded/load-embedded-provider.ts');
      const provider = await loadEmbeddedProvider(settings);
      const loadJwtAuthority = async (): Promise<JwtAuthority> => {
        const { loadEmbeddedJwtAuthority } = await import('./embedded/load-embedded-jwt-authority.ts');
        return loadEmbeddedJwtAuthority(settings);
      };
      return { provider, rotatableRoot: provider, loadJwtAuthority };
    },
  ],
  [
    'Citadel',
    async (settings) => {
      const { loadCitadelProvider } = await import('./citadel/load-citadel-provider.ts');
      return { provider: await loadCitadelProvider(settings) };
    },
  ],
  [
    'VaultCA',
    async (settings) => {
      const { createVaultProvider } = await import('./vault/create-vault-provider.ts');
      return { provider: createVaultProvider(settings) };
    },
  ],
  ['Custom', loadCustom],
]);

/**
 * Makes the CA provider of this name.
 *
 * @param name as in `CA_PROVIDER`; one that this build does not have is what the module of `CUSTOM_CA_MODULE`, where
 *   that is set, has to call itself
 * @throws AgentError `settings-invalid` for a name that nobody has, or what the provider's own start rejects with
 */
export async function loadCaProvider(name: string, settings: CaProviderSettings): Promise<LoadedCaProvider> {
  const load = LOADERS.get(name) ?? (settings.ca.customModule === undefined ? undefined : loadCustom);
  if (load === undefined) {
    const names = [...LOADERS.keys()].join(', ');
    throw new AgentError('settings-invalid', `CA_PROVIDER is ${quoteUntrusted(name)}: it must be one of ${names}`);
  }
  return load(settings, name);
}

/**
 * Makes the CA providers of these names, in their order.
 *
 * @throws AgentError as `loadCaProvider`, and `settings-invalid` where two are the same
 */
export async function loadCaProviders(
  names: readonly string[],
  settings: CaProviderSettings,
): Promise<readonly LoadedCaProvider[]> {
  const loaded: LoadedCaProvider[] = [];
  for (const name of names) {
    loaded.push(await loadCaProvider(name, settings));
    requireDistinct(loaded);
  }
  return loaded;
}

/** @throws AgentError `settings-invalid` where two are the same: `Custom` and the module's own name are */
export function requireDistinct(loaded: readonly LoadedCaProvider[]): void {
  const names = loaded.map(({ provider }) => provider.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new AgentError('settings-invalid', `CA_PROVIDER lists ${twice} twice: name each once`);
}

async function loadCustom(settings: CaProviderSettings, name: string): Promise<LoadedCaProvider> {
  const { loadCustomProvider } = await import('./custom/load-custom-provider.ts');
  return { provider: await loadCustomProvider(settings, name, [...LOADERS.keys()]) };
}
