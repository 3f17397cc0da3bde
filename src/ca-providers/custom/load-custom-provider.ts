import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import type { CaProvider } from '../../core/ca-provider.ts';
import type { CaProviderSettings } from '../provider-settings.ts';
import { IsolatedProvider } from './isolated-provider.ts';
import { UnusableModule } from './load-plug-in.ts';
import { resolveModule } from './resolve-module.ts';

/** The name by which the module is chosen, whatever it calls itself. */
const ANY_NAME = 'Custom';

/**
 * Loads the provider of `CUSTOM_CA_MODULE`.
 *
 * @param name as in `CA_PROVIDER`: `Custom`, or what the module calls itself
 * @param builtIn names of providers that the agent has itself
 * @throws AgentError `settings-invalid`, naming the module and what is wrong with it
 */
export async function loadCustomProvider(
  settings: CaProviderSettings,
  name: string,
  builtIn: readonly string[],
): Promise<CaProvider> {
  const { customModule } = settings.ca;
  if (customModule === undefined) {
    throw new AgentError('settings-invalid', 'CA_PROVIDER is Custom: set CUSTOM_CA_MODULE to the module that makes it');
  }
  try {
    const provider = await load(resolveModule(customModule), settings);
    const own = provider.name;
    if (own !== ANY_NAME && builtIn.includes(own)) {
      throw new UnusableModule(`it calls itself ${own}, which is a provider of the agent's own`);
    }
    if (name !== ANY_NAME && name !== own) {
      throw new UnusableModule(
        `it calls itself ${own}, CA_PROVIDER says ${quoteUntrusted(name)}: it must be one of ${[...builtIn, own].join(', ')}`,
      );
    }
    settings.log.info('CA module is loaded', { module: customModule, provider: own });
    return provider;
  } catch (thrown) {
    if (!(thrown instanceof UnusableModule)) throw thrown;
    throw new AgentError('settings-invalid', `CUSTOM_CA_MODULE is ${quoteUntrusted(customModule)}: ${thrown.message}`);
  }
}

function load(
  module: string,
  { written, trustDomain, clock, log, lifetime }: CaProviderSettings,
): Promise<IsolatedProvider> {
  return IsolatedProvider.load({
    start: { module, written: Object.fromEntries(written), trustDomain },
    clock,
    log: log.child({ module: written.get('CUSTOM_CA_MODULE') }),
    lifetime: lifetime ?? new AbortController().signal,
    random: Math.random,
  });
}
