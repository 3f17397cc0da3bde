import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

/** What a provider is made from. Each takes what concerns it; the names are those of the settings' documentation. */
export interface CaProviderSettings {
  readonly stateDir: string;
  readonly trustDomain: string;
  readonly ca: {
    /** `CA_ADDR`: `host:port` or `unix:/path`. */
    readonly address: string | undefined;
    /** `CA_ROOT_CA`: a PEM file with the roots that verify the CA's server certificate. */
    readonly rootCaFile: string | undefined;
    /** `CA_SERVER_NAME`: the name to expect in that certificate. */
    readonly serverName: string | undefined;
    /** `CUSTOM_CA_MODULE`. */
    readonly customModule: string | undefined;
    /** `CLUSTER_ID`. */
    readonly clusterId: string | undefined;
    /** `CA_HEADER_<NAME>`, by lower-case name. */
    readonly headers: ReadonlyMap<string, string>;
  };
  readonly vault: {
    /** `VAULT_ADDR`. */
    readonly address: string | undefined;
    /** `VAULT_ROLE`. */
    readonly role: string | undefined;
    /** `VAULT_AUTH_PATH`. */
    readonly authPath: string;
    /** `VAULT_SIGN_CSR_PATH`. */
    readonly signCsrPath: string | undefined;
    /** `VAULT_TLS_ROOT_CERT`: PEM with real line breaks. */
    readonly tlsRootCert: string | undefined;
    /** `VAULT_NAMESPACE`. */
    readonly namespace: string | undefined;
  };
  /** Every setting's text by its name, as given or by default. */
  readonly written: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the agent has stopped, and with it whatever a provider still holds. Left out: never. */
  readonly lifetime?: AbortSignal;
}
