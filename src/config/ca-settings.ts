import type { z } from 'zod';
import { setting } from './setting.ts';
import type { CaSettings } from './settings.ts';
import { duration, listOf, orEmpty, text, wholeNumber } from './value-kind.ts';

/** The providers that the agent knows by itself. */
export const KNOWN_PROVIDERS: readonly string[] = ['Embedded', 'Citadel', 'VaultCA', 'Custom'];

/** The schema of the section "certificate authority". */
export const caShape = {
  CA_PROVIDER: setting(
    listOf(
      text('`Embedded`, `Citadel`, `VaultCA`, `Custom`, or the name that the module of CUSTOM_CA_MODULE gives itself'),
    ),
    'Embedded',
    'who signs certificates; several are a failover order, the preferred one first',
  ),
  CA_ADDR: setting(orEmpty(text('`host:port` or `unix:/path`')), '', 'where the CA is (Citadel, custom)'),
  CA_ROOT_CA: setting(
    orEmpty(text('the path of a PEM file')),
    '',
    "the roots that verify the CA's server certificate; read again when the file changes",
  ),
  CA_SERVER_NAME: setting(
    orEmpty(text('a DNS name')),
    '',
    "the name to expect in the CA's server certificate, where it is not that of the address",
  ),
  CUSTOM_CA_MODULE: setting(
    orEmpty(text('a path or a package name')),
    '',
    'the ES module whose default export makes a CA provider',
  ),
  CA_MAX_INFLIGHT: setting(wholeNumber(1, 1_000), '8', 'how many requests may be at the CA at the same time'),
  CA_TIMEOUT: setting(duration(100, 600_000), '10s', 'how long the CA may take to answer one request'),
};

type Values = z.output<z.ZodObject<typeof caShape>>;

export function toCaSettings(values: Values): CaSettings {
  return {
    providers: values.CA_PROVIDER,
    address: values.CA_ADDR,
    rootCaFile: values.CA_ROOT_CA,
    serverName: values.CA_SERVER_NAME,
    customModule: values.CUSTOM_CA_MODULE,
    maxInflight: values.CA_MAX_INFLIGHT,
    timeoutMs: values.CA_TIMEOUT,
  };
}
