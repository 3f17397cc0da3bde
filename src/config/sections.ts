import { z } from 'zod';
import { caShape } from './ca-settings.ts';
import { certificatesShape } from './certificates-settings.ts';
import { fileSecretsShape } from './file-secrets-settings.ts';
import { gatewayShape } from './gateway-settings.ts';
import { identityShape } from './identity-settings.ts';
import { kubernetesShape } from './kubernetes-settings.ts';
import { limitsShape } from './limit-settings.ts';
import { monitoringShape } from './monitoring-settings.ts';
import { processShape } from './process-settings.ts';
import { sdsShape } from './sds-settings.ts';
import { type SettingMeta, settingMeta, toFlagName } from './setting.ts';
import { vaultShape } from './vault-settings.ts';
import { workloadApiShape } from './workload-api-settings.ts';

const SECTIONS: readonly (readonly [title: string, shape: z.core.$ZodShape])[] = [
  ['Certificate authority', caShape],
  ['Vault', vaultShape],
  ['Certificates and keys', certificatesShape],
  ['Identity', identityShape],
  ['Kubernetes', kubernetesShape],
  ['Sockets and names', sdsShape],
  ['SPIFFE Workload API', workloadApiShape],
  ['Secrets in files', fileSecretsShape],
  ['Gateways', gatewayShape],
  ['Limits', limitsShape],
  ['Monitoring and logs', monitoringShape],
  ['Process', processShape],
];

/** One setting with everything that is to be said about it. */
export interface SettingEntry extends SettingMeta {
  /** The environment variable. */
  readonly name: string;
  /** The flag without its dashes. */
  readonly flag: string;
}

/** Every setting, section by section, in the order of the documentation. */
export const settingSections = SECTIONS.map(([title, shape]) => ({
  title,
  settings: Object.entries(shape).map(
    ([name, schema]): SettingEntry => ({ name, flag: toFlagName(name), ...settingMeta(schema) }),
  ),
}));

/** Every setting by the name of its environment variable. */
export const settingsByName: ReadonlyMap<string, SettingEntry> = new Map(
  settingSections.flatMap(({ settings }) => settings.map((entry) => [entry.name, entry])),
);

/** The texts of all settings in, their values out. */
export const allSettings = z.object({
  ...caShape,
  ...vaultShape,
  ...certificatesShape,
  ...identityShape,
  ...kubernetesShape,
  ...sdsShape,
  ...workloadApiShape,
  ...fileSecretsShape,
  ...gatewayShape,
  ...limitsShape,
  ...monitoringShape,
  ...processShape,
});

/** The values of all settings, each allowed by itself. */
export type SettingValues = z.output<typeof allSettings>;
