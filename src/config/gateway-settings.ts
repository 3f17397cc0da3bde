import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { quoteUntrusted } from '../core/agent-error.ts';
import type { Conflict } from './conflict.ts';
import type { SettingValues } from './sections.ts';
import { setting } from './setting.ts';
import type { GatewaySettings } from './settings.ts';
import { socketPath } from './socket-kinds.ts';
import { kindOf, orEmpty } from './value-kind.ts';

// RFC 1123, as Kubernetes has it for namespaces.
const namespace = kindOf('the name of a Kubernetes namespace', (given) =>
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(given) ? given : undefined,
);

/** The schema of the section "Gateways". */
export const gatewayShape = {
  GATEWAY_SECRETS_NAMESPACE: setting(
    orEmpty(namespace, 'none are served'),
    '',
    'the namespace whose TLS Secrets are served to the gateways that run in it, by name, on GATEWAY_SDS_UDS_PATH',
  ),
  GATEWAY_SDS_UDS_PATH: setting(
    socketPath,
    '/var/run/sds-gateway/uds_path',
    'the unix socket for gateways, in a directory that their pods mount and no others; with the permissions and the group of SDS_UDS_PATH',
  ),
};

type Values = z.output<z.ZodObject<typeof gatewayShape>>;

export function toGatewaySettings(values: Values): GatewaySettings | undefined {
  const { GATEWAY_SECRETS_NAMESPACE: found, GATEWAY_SDS_UDS_PATH: path } = values;
  return found === undefined ? undefined : { namespace: found, socketPath: path };
}

/** Conflicts of the gateways' settings with others. */
export function gatewayConflicts(values: SettingValues, hasApiServer: boolean): readonly (Conflict | undefined)[] {
  if (values.GATEWAY_SECRETS_NAMESPACE === undefined) return [];
  return [
    hasApiServer
      ? undefined
      : {
          names: ['GATEWAY_SECRETS_NAMESPACE', 'KUBERNETES_API_SERVER'],
          text: 'GATEWAY_SECRETS_NAMESPACE is set, but this is no cluster, and KUBERNETES_API_SERVER is not set; set it',
        },
    sharedWith(values, 'SDS_UDS_PATH'),
    sharedWith(values, 'WORKLOAD_API_UDS_PATH'),
  ];
}

/** Every workload mounts the directories of the other sockets, whatever is below them too. */
function sharedWith(values: SettingValues, name: 'SDS_UDS_PATH' | 'WORKLOAD_API_UDS_PATH'): Conflict | undefined {
  const { GATEWAY_SDS_UDS_PATH, [name]: path } = values;
  if (path === undefined) return undefined;
  const [gateways, others] = [GATEWAY_SDS_UDS_PATH, path].map((socket) => `${dirname(resolve(socket))}/`);
  if (gateways === undefined || others === undefined) return undefined;
  if (!gateways.startsWith(others) && !others.startsWith(gateways)) return undefined;
  return {
    names: ['GATEWAY_SDS_UDS_PATH', name],
    text:
      `GATEWAY_SDS_UDS_PATH is ${quoteUntrusted(GATEWAY_SDS_UDS_PATH)}, and ${name} is ${quoteUntrusted(path)}: one directory ` +
      'is the other, or in it; gateways need one of their own, which no other pod mounts',
  };
}
