import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { Draft } from './draft.ts';
import { migrateExtension } from './extension.ts';
import type { Scope } from './scope.ts';

const NEEDS_V3 =
  'Envoy 1.40 asks with the v3 protocol: the server has to speak it (Istio: from 1.7; Pilot of 1.1 to 1.4 does not)';

/** `ConfigSource`: where dynamic resources other than the workload's secrets come from. */
export function migrateConfigSource(message: EnvoyObject, scope: Scope): EnvoyObject | undefined {
  const draft = new Draft(message, scope);
  const path = draft.take('path');
  if (path !== undefined) {
    draft.set('path_config_source', { path });
    scope.changed('path', 'the file with these resources has to be migrated too, with a call of its own');
  }
  const asksServer = draft.get('api_config_source') !== undefined;
  draft.object('api_config_source', migrateApiConfigSource);
  if (asksServer && draft.get('api_config_source') === undefined) return undefined;
  draft.set('resource_api_version', 'V3');
  return draft.toObject();
}

/** `ApiConfigSource`, also that of ADS. */
export function migrateApiConfigSource(message: EnvoyObject, scope: Scope): EnvoyObject | undefined {
  const draft = new Draft(message, scope);
  const apiType = draft.get('api_type');
  if (apiType === 'UNSUPPORTED_REST_LEGACY' || apiType === 'REST_LEGACY') {
    scope.notCarriedOver(String(apiType), 'the API before v2 is gone: this source was left out');
    return undefined;
  }
  if (draft.get('transport_api_version') !== 'V3') scope.notCarriedOver('the v2 protocol', NEEDS_V3);
  if (apiType === 'GRPC' && draft.get('grpc_services') === undefined) {
    const clusters = scope.list(draft.take('cluster_names') ?? []);
    draft.set(
      'grpc_services',
      clusters.map((cluster_name) => ({ envoy_grpc: { cluster_name } })),
    );
  }
  draft.set('transport_api_version', 'V3');
  draft.list('grpc_services', migrateGrpcService);
  return draft.toObject();
}

/** `GrpcService`. Its v2 call credentials may have had no type. */
export function migrateGrpcService(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.within('google_grpc', (client) => client.list('call_credentials', migrateCallCredential));
  return draft.toObject();
}

function migrateCallCredential(message: EnvoyObject, scope: Scope): EnvoyObject | undefined {
  const draft = new Draft(message, scope);
  draft.object('from_plugin', (plugin, at) => migrateExtension(plugin, 'call credential', at));
  return Object.keys(draft.toObject()).length === 0 ? undefined : draft.toObject();
}
