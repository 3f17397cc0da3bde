import type { z } from 'zod';
import type { Environment } from './process-environment.ts';
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
  CLUSTER_ID: setting(
    orEmpty(text("a cluster's name")),
    '',
    'the cluster that the callers are in, for a CA that serves several (Citadel)',
  ),
  CA_MAX_INFLIGHT: setting(wholeNumber(1, 1_000), '8', 'how many requests may be at the CA at the same time'),
  CA_MAX_RPS: setting(wholeNumber(1, 100_000), '100', 'how many certificates the CA may be asked for within a second'),
  CA_TIMEOUT: setting(duration(100, 600_000), '10s', 'how long the CA may take to answer one request'),
};

type Values = z.output<z.ZodObject<typeof caShape>>;

const HEADER_PREFIX = 'CA_HEADER_';

/** @param env where each `CA_HEADER_<NAME>` is a header for Citadel, as in Istio's agent */
export function toCaSettings(values: Values, env: Environment): CaSettings {
  return {
    providers: values.CA_PROVIDER,
    address: values.CA_ADDR,
    rootCaFile: values.CA_ROOT_CA,
    serverName: values.CA_SERVER_NAME,
    customModule: values.CUSTOM_CA_MODULE,
    clusterId: values.CLUSTER_ID,
    headers: readHeaders(env),
    maxInflight: values.CA_MAX_INFLIGHT,
    maxPerSecond: values.CA_MAX_RPS,
    timeoutMs: values.CA_TIMEOUT,
  };
}

function readHeaders(env: Environment): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith(HEADER_PREFIX) || name.length === HEADER_PREFIX.length) continue;
    headers.set(name.slice(HEADER_PREFIX.length).toLowerCase(), value);
  }
  return headers;
}
