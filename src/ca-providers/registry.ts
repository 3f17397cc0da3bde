import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import type { CaProvider } from '../core/ca-provider.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { RotatableRoot } from '../core/root-rotation.ts';

export interface CaProviderSettings {
  /** As in `CA_PROVIDER`. */
  readonly provider: string;
  readonly stateDir: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A provider; one whose root the agent can replace also says how. */
export interface LoadedCaProvider {
  readonly provider: CaProvider;
  readonly rotatableRoot?: RotatableRoot;
}

type Loader = (settings: CaProviderSettings) => Promise<LoadedCaProvider>;

/** Imported when chosen and not before: what the other providers need costs memory on each node. */
const LOADERS: ReadonlyMap<string, Loader> = new Map<string, Loader>([
  [
    'Embedded',
    async (settings) => {
      const { loadEmbeddedProvider } = await import('./embedded/load-embedded-provider.ts');
      const provider = await loadEmbeddedProvider(settings);
      return { provider, rotatableRoot: provider };
    },
  ],
  ['Citadel', notYet],
  ['VaultCA', notYet],
  ['Custom', notYet],
]);

/**
 * Makes the CA provider that the settings name.
 *
 * @throws AgentError `settings-invalid` for a name that this build does not have, or what the provider's own start rejects with
 */
export async function loadCaProvider(settings: CaProviderSettings): Promise<LoadedCaProvider> {
  const load = LOADERS.get(settings.provider);
  if (load === undefined) {
    const names = [...LOADERS.keys()].join(', ');
    throw new AgentError(
      'settings-invalid',
      `CA_PROVIDER is ${quoteUntrusted(settings.provider)}: it must be one of ${names}`,
    );
  }
  return load(settings);
}

async function notYet({ provider }: CaProviderSettings): Promise<never> {
  throw new AgentError(
    'settings-invalid',
    `CA_PROVIDER is ${quoteUntrusted(provider)}, which this build does not have yet: use Embedded`,
  );
}
