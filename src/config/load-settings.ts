import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import { toCaSettings } from './ca-settings.ts';
import { toCertificatesSettings } from './certificates-settings.ts';
import { findConflicts } from './cross-checks.ts';
import { toFileSecretsSettings } from './file-secrets-settings.ts';
import { toGatewaySettings } from './gateway-settings.ts';
import { defaultVerifiers, toIdentitySettings } from './identity-settings.ts';
import { toKubernetesSettings } from './kubernetes-settings.ts';
import { toLimitSettings } from './limit-settings.ts';
import { toLogSettings, toMonitoringSettings } from './monitoring-settings.ts';
import type { Environment } from './process-environment.ts';
import { type FlagKind, readFlags, unexpectedOperand } from './read-flags.ts';
import { toAdminSettings, toSdsSettings } from './sds-settings.ts';
import { allSettings, type SettingEntry, type SettingValues, settingsByName } from './sections.ts';
import type { Settings, VerifierName } from './settings.ts';
import { toVaultSettings } from './vault-settings.ts';
import { toWorkloadApiSettings } from './workload-api-settings.ts';

/** The flags of all settings, for `readFlags`. */
export const SETTING_FLAGS: ReadonlyMap<string, FlagKind> = new Map(
  Array.from(settingsByName.values(), ({ flag, boolean }) => [flag, boolean ? 'boolean' : 'text']),
);

/**
 * Reads every setting from the environment and from flags; a flag wins.
 *
 * @throws AgentError `settings-invalid`, with all faults in its message, a line each
 */
export function loadSettings(env: Environment, argv: readonly string[] = []): Settings {
  const { given, operands, faults } = readFlags(argv, SETTING_FLAGS);
  return toSettings(env, given, [...faults, ...operands.map(unexpectedOperand)]);
}

/**
 * The settings, from the environment and from flags that have been read already.
 *
 * @param knownFaults faults of the command line, to be told together with those of the settings
 * @throws AgentError `settings-invalid`, with all faults in its message, a line each
 */
export function toSettings(
  env: Environment,
  given: ReadonlyMap<string, string>,
  knownFaults: readonly string[] = [],
): Settings {
  const texts = new Map<string, string>();
  for (const { name, flag } of settingsByName.values()) {
    const text = given.get(flag) ?? env[name];
    if (text !== undefined) texts.set(name, text);
  }
  const result = allSettings.safeParse(Object.fromEntries(texts));
  const wrong = new Set(result.error?.issues.map(({ path }) => String(path[0])));
  const faults = [...knownFaults];
  for (const name of wrong) {
    const entry = settingsByName.get(name);
    if (entry !== undefined) faults.push(wrongValue(entry, texts.get(name) ?? '', given.has(entry.flag)));
  }

  // Defaults stand in for wrong values, so that conflicts among the others are found in the same go.
  const values = result.data ?? allSettings.parse(Object.fromEntries([...texts].filter(([name]) => !wrong.has(name))));
  // Kubernetes sets this variable in every container.
  const { KUBERNETES_SERVICE_HOST = '' } = env;
  const inCluster = KUBERNETES_SERVICE_HOST !== '';
  const verifiers = values.TOKEN_VERIFIER ?? defaultVerifiers(inCluster, values.CA_PROVIDER);
  const kubernetes = toKubernetesSettings(values, env);
  for (const { names, text } of findConflicts(values, verifiers, inCluster, kubernetes)) {
    if (!names.some((name) => wrong.has(name))) faults.push(text);
  }
  if (faults.length > 0) throw invalidSettings(faults);
  const written = new Map(Array.from(settingsByName.values(), (entry) => [entry.name, entry.default]));
  for (const [name, text] of texts) written.set(name, text);
  return { ...fromValues(values, verifiers, inCluster, env), written };
}

/** One error for all faults of a command line and of settings. */
export function invalidSettings(faults: readonly string[]): AgentError {
  const [first = 'invalid settings'] = faults;
  if (faults.length === 1) return new AgentError('settings-invalid', first);
  return new AgentError('settings-invalid', [`${faults.length} faults:`, ...faults].join('\n  '));
}

function wrongValue({ name, flag, allowed }: SettingEntry, text: string, fromFlag: boolean): string {
  const source = fromFlag ? ` (--${flag})` : '';
  // The back ticks are for the documentation's Markdown.
  return `${name}${source} is ${quoteUntrusted(withoutPassword(text))}; allowed is ${allowed.replaceAll('`', '')}`;
}

/** Hides the user and password of a URL. */
function withoutPassword(text: string): string {
  return text.replace(/:\/\/[^/]*@/, '://[redacted]@');
}

function fromValues(
  values: SettingValues,
  verifiers: readonly VerifierName[],
  inCluster: boolean,
  env: Environment,
): Omit<Settings, 'written'> {
  return {
    ca: toCaSettings(values, env),
    vault: toVaultSettings(values),
    certificates: toCertificatesSettings(values),
    identity: toIdentitySettings(values, verifiers, inCluster),
    kubernetes: toKubernetesSettings(values, env),
    sds: toSdsSettings(values),
    workloadApi: toWorkloadApiSettings(values),
    gateway: toGatewaySettings(values),
    fileSecrets: toFileSecretsSettings(values),
    limits: toLimitSettings(values),
    admin: toAdminSettings(values),
    monitoring: toMonitoringSettings(values),
    log: toLogSettings(values),
    stateDir: values.STATE_DIR,
    drainTimeoutMs: values.DRAIN_TIMEOUT,
  };
}
