import { quoteUntrusted } from '../../core/agent-error.ts';
import type { CaProvider } from '../../core/ca-provider.ts';
import type { CustomCaSettings } from './custom-ca-settings.ts';
import { toFailure } from './plug-in-messages.ts';

const NAME = /^[A-Za-z0-9][\w.-]{0,62}$/;

/** A module that cannot be used; the message goes on after the module's name. */
export class UnusableModule extends Error {}

/** Imports the module and lets it make its provider. @throws UnusableModule, saying what is missing */
export async function loadPlugIn(module: string, settings: CustomCaSettings): Promise<CaProvider> {
  const exported = await importDefault(module);
  if (typeof exported !== 'function') {
    throw new UnusableModule(`its default export is ${kindOf(exported)}: export a function that makes a CaProvider`);
  }
  let made: unknown;
  try {
    made = await exported(settings);
  } catch (thrown) {
    throw new UnusableModule(`its default export threw ${quoteUntrusted(toFailure(thrown).message)}`);
  }
  return demandProvider(made);
}

async function importDefault(module: string): Promise<unknown> {
  let namespace: object;
  try {
    namespace = await import(module);
  } catch (thrown) {
    const { code, message } = toFailure(thrown);
    if (code !== 'ERR_MODULE_NOT_FOUND') throw new UnusableModule(`it cannot be imported: ${quoteUntrusted(message)}`);
    // Node says the same whether it is the module that is missing or something that it imports.
    const itself = 'url' in Object(thrown) && Object(thrown).url === module;
    throw new UnusableModule(
      itself ? 'there is no such file' : `something that it imports is missing: ${quoteUntrusted(message)}`,
    );
  }
  if (!('default' in namespace)) {
    throw new UnusableModule('it has no default export: export a function that makes a CaProvider');
  }
  return namespace.default;
}

function demandProvider(made: unknown): CaProvider {
  if (typeof made !== 'object' || made === null) {
    throw new UnusableModule(`its default export made ${kindOf(made)}: it must make a CaProvider`);
  }
  const missing = ['sign', 'roots'].filter((method) => typeof Reflect.get(made, method) !== 'function');
  if (typeof Reflect.get(made, 'name') !== 'string') missing.unshift('name');
  if (missing.length > 0) {
    throw new UnusableModule(
      `what its default export made lacks ${missing.join(', ')}: a CaProvider has name, sign and roots`,
    );
  }
  const provider = made as CaProvider;
  if (!NAME.test(provider.name)) {
    throw new UnusableModule('its name must be 1 to 63 letters, digits, ".", "-" or "_"');
  }
  return provider;
}

function kindOf(value: unknown): string {
  return value === null || value === undefined ? `${value}` : `a ${typeof value}`;
}
