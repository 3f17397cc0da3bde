import type { CaProvider } from '../../core/ca-provider.ts';
import type { Log } from '../../core/log.ts';

/**
 * What a CA module is given: every setting's text by the name of its variable, as it was given or by default
 * (`settings.CA_ADDR`; empty where it is not set), and two things besides.
 */
export type CustomCaSettings = { readonly [setting: Uppercase<string>]: string | undefined } & {
  readonly trustDomain: string;
  /** The agent's log. Never a key, a token or a CSR into it. */
  readonly log: Log;
};

/** The default export of the module that `CUSTOM_CA_MODULE` names. */
export type CustomCaFactory = (settings: CustomCaSettings) => CaProvider | Promise<CaProvider>;
