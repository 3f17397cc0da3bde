import { dirname, resolve } from 'node:path';
import { quoteUntrusted } from '../core/agent-error.ts';
import { KNOWN_PROVIDERS } from './ca-settings.ts';
import type { Conflict } from './conflict.ts';
import { gatewayConflicts } from './gateway-settings.ts';
import { toPeerAttestation } from './identity-settings.ts';
import { nearestName } from './nearest-name.ts';
import type { SettingValues } from './sections.ts';
import type { KubernetesSettings, VerifierName } from './settings.ts';
import { workloadApiConflicts } from './workload-api-conflicts.ts';
import { workloadTokenConflicts } from './workload-token-conflicts.ts';

/** Every conflict between these values. */
export function findConflicts(
  values: SettingValues,
  verifiers: readonly VerifierName[],
  inCluster: boolean,
  kubernetes: KubernetesSettings,
): readonly Conflict[] {
  return [
    unknownProviders(values),
    ...missingOfProviders(values),
    missingVerifier(values, verifiers),
    ...(kubernetes.api === undefined ? [missingKeySet(values, verifiers), missingApiServer(verifiers)] : []),
    ambiguousNames(values),
    sharedDirectory(values, 'SDS_UDS_PATH'),
    sharedDirectory(values, 'WORKLOAD_API_UDS_PATH'),
    sharedPort(values),
    ...workloadApiConflicts(values, inCluster),
    servedState(values),
    ...workloadTokenConflicts(values, kubernetes, toPeerAttestation(values, inCluster)),
    ...gatewayConflicts(values, kubernetes.api !== undefined),
    values.GATEWAY_SECRETS_NAMESPACE === undefined ? undefined : sharedDirectory(values, 'GATEWAY_SDS_UDS_PATH'),
  ].filter((conflict) => conflict !== undefined);
}

function unknownProviders({ CA_PROVIDER, CUSTOM_CA_MODULE }: SettingValues): Conflict | undefined {
  if (CUSTOM_CA_MODULE !== undefined) return undefined;
  const unknown = CA_PROVIDER.find((provider) => !KNOWN_PROVIDERS.includes(provider));
  if (unknown === undefined) return undefined;
  const meant = nearestName(unknown, KNOWN_PROVIDERS);
  return {
    names: ['CA_PROVIDER', 'CUSTOM_CA_MODULE'],
    text:
      `CA_PROVIDER names ${quoteUntrusted(unknown)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}; ` +
      `there are ${KNOWN_PROVIDERS.join(', ')}, and what the module of CUSTOM_CA_MODULE calls itself, which is not set`,
  };
}

/** What a provider of the agent's own cannot do without; whether it is right, the provider says. */
const NEEDED: Readonly<Record<string, readonly (keyof SettingValues)[]>> = {
  Citadel: ['CA_ADDR'],
  VaultCA: ['VAULT_ADDR', 'VAULT_ROLE', 'VAULT_SIGN_CSR_PATH'],
  Custom: ['CUSTOM_CA_MODULE'],
};

function missingOfProviders(values: SettingValues): Conflict[] {
  return values.CA_PROVIDER.flatMap((provider) =>
    (NEEDED[provider] ?? [])
      .filter((name) => values[name] === undefined)
      .map(
        (name): Conflict => ({
          names: [name, 'CA_PROVIDER'],
          text: `${name} is not set, and CA_PROVIDER ${provider} needs it`,
        }),
      ),
  );
}

function missingVerifier(values: SettingValues, verifiers: readonly VerifierName[]): Conflict | undefined {
  // A misspelt provider has been told already; its right name may bring a verifier along.
  if (verifiers.length > 0 || unknownProviders(values) !== undefined) return undefined;
  return {
    names: ['TOKEN_VERIFIER', 'CA_PROVIDER'],
    text:
      'TOKEN_VERIFIER is not set, and has no default outside a Kubernetes cluster with a CA_PROVIDER other than ' +
      'Embedded; choose kubernetes, jwks or embedded',
  };
}

function missingKeySet({ TOKEN_JWKS }: SettingValues, verifiers: readonly VerifierName[]): Conflict | undefined {
  if (TOKEN_JWKS !== undefined || !verifiers.includes('jwks')) return undefined;
  return {
    names: ['TOKEN_JWKS', 'TOKEN_VERIFIER'],
    text: "TOKEN_JWKS is not set, but TOKEN_VERIFIER has jwks; set it to a file or an https URL with the issuer's keys",
  };
}

function missingApiServer(verifiers: readonly VerifierName[]): Conflict | undefined {
  if (!verifiers.includes('kubernetes')) return undefined;
  return {
    names: ['KUBERNETES_API_SERVER', 'TOKEN_VERIFIER'],
    text: 'TOKEN_VERIFIER has kubernetes, but this is no cluster, and KUBERNETES_API_SERVER is not set; set it',
  };
}

function ambiguousNames(values: SettingValues): Conflict | undefined {
  const names = [...values.SDS_DEFAULT_SVID_NAMES, ...values.SDS_DEFAULT_BUNDLE_NAMES, values.SDS_ALL_BUNDLES_NAME];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return undefined;
  return {
    names: ['SDS_DEFAULT_SVID_NAMES', 'SDS_DEFAULT_BUNDLE_NAMES', 'SDS_ALL_BUNDLES_NAME'],
    text:
      `${quoteUntrusted(twice)} is in two of SDS_DEFAULT_SVID_NAMES, SDS_DEFAULT_BUNDLE_NAMES and ` +
      'SDS_ALL_BUNDLES_NAME; a name can stand for one kind of secret only',
  };
}

/**
 * Pods mount the directory of the socket, so whatever lies in it or below is theirs to connect to. Whether another
 * name leads there only the file system knows, which is asked when the socket is made.
 */
function sharedDirectory(
  values: SettingValues,
  name: 'SDS_UDS_PATH' | 'WORKLOAD_API_UDS_PATH' | 'GATEWAY_SDS_UDS_PATH',
): Conflict | undefined {
  const { ADMIN_SOCKET, [name]: path } = values;
  if (path === undefined) return undefined;
  const mounted = `${dirname(resolve(path))}/`;
  if (!`${dirname(resolve(ADMIN_SOCKET))}/`.startsWith(mounted)) return undefined;
  return {
    names: ['ADMIN_SOCKET', name],
    text:
      `ADMIN_SOCKET is ${quoteUntrusted(ADMIN_SOCKET)}, in or below the directory of ${name} ` +
      `(${quoteUntrusted(path)}), which pods mount; put it into another directory`,
  };
}

function sharedPort({ MONITORING_PORT, DEBUG_PORT }: SettingValues): Conflict | undefined {
  if (MONITORING_PORT === undefined || MONITORING_PORT === 0 || MONITORING_PORT !== DEBUG_PORT) return undefined;
  return {
    names: ['MONITORING_PORT', 'DEBUG_PORT'],
    text: `MONITORING_PORT and DEBUG_PORT are both ${DEBUG_PORT}; choose two ports, or 0 for any free one`,
  };
}

/** Keys of the embedded CA must not be where callers may read. Links are looked at when a file is read. */
function servedState({ FILE_SECRET_DIRS = [], STATE_DIR }: SettingValues): Conflict | undefined {
  const state = `${resolve(STATE_DIR)}/`;
  const around = FILE_SECRET_DIRS.find((directory) => {
    // What stands for the namespace may be any name, so what is before it counts.
    const [served = directory] = directory.split('{namespace}');
    return served === directory
      ? state.startsWith(`${directory}/`) || `${directory}/`.startsWith(state)
      : state.startsWith(served);
  });
  if (around === undefined) return undefined;
  return {
    names: ['FILE_SECRET_DIRS', 'STATE_DIR'],
    text:
      `FILE_SECRET_DIRS has ${quoteUntrusted(around)}, which STATE_DIR (${quoteUntrusted(STATE_DIR)}) is in, or the other way round: ` +
      'callers would be served from among the keys of the agent; put them into different directories',
  };
}
