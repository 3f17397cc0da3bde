import { type EnvoyObject, type EnvoyValue, extension } from '../envoy-bootstrap/document.ts';
import { migrateConfigSource } from './config-source.ts';
import { Draft } from './draft.ts';
import { migrateExtension } from './extension.ts';
import { migrateHttpProtocolOptions } from './http-protocol-options.ts';
import type { Scope } from './scope.ts';
import { migrateTransportSocket } from './tls-context.ts';

const CARES = 'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig';

/** `Cluster`. */
export function migrateCluster(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  migrateHosts(draft);
  if (draft.get('lb_policy') === 'ORIGINAL_DST_LB') draft.set('lb_policy', 'CLUSTER_PROVIDED');
  migrateTransportSocket(draft, 'Upstream');
  draft.withinEach('transport_socket_matches', (one) => migrateTransportSocket(one, 'Upstream'));
  migrateHttpProtocolOptions(draft);
  draft.drop(
    'extension_protocol_options',
    'these options have no type: write them in typed_extension_protocol_options',
  );
  draft.within('eds_cluster_config', (inner) => inner.object('eds_config', migrateConfigSource));
  draft.object('cluster_type', (type, at) => {
    return migrateExtension(type, 'cluster type', at, {}, 'it was kept, and Envoy refuses it') ?? type;
  });
  draft.list('health_checks', migrateHealthCheck);
  draft.rename('drain_connections_on_host_removal', 'ignore_health_on_host_removal');
  if (draft.take('track_timeout_budgets') === true) draft.set('track_cluster_stats', { timeout_budgets: true });
  const resolvers = draft.take('dns_resolvers');
  if (resolvers !== undefined) {
    draft.set('typed_dns_resolver_config', extension('envoy.network.dns_resolver.cares', CARES, { resolvers }));
  }
  return draft.toObject();
}

/** The flat `hosts` of v2 became a `load_assignment`. A cluster that finds its hosts by itself has none. */
function migrateHosts(draft: Draft): void {
  const hosts = draft.get('hosts');
  if (hosts === undefined) return;
  if (draft.get('load_assignment') !== undefined) {
    draft.drop('hosts', 'there is a load_assignment too, which is used');
    return;
  }
  const toEndpoint = (address: EnvoyValue): EnvoyObject => ({ endpoint: { address } });
  const lbEndpoints = draft.scope.at('hosts').list(hosts).map(toEndpoint);
  draft.rename('hosts', 'load_assignment');
  draft.set('load_assignment', {
    cluster_name: draft.get('name') ?? '',
    endpoints: [{ lb_endpoints: lbEndpoints }],
  });
}

function migrateHealthCheck(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.within('http_health_check', (check) => {
    if (check.take('use_http2') === true) check.set('codec_client_type', 'HTTP2');
    const service = check.take('service_name');
    if (service !== undefined) check.set('service_name_matcher', { prefix: service });
  });
  draft.object('custom_health_check', (custom, at) => {
    return migrateExtension(custom, 'health checker', at, {}, 'it was kept, and Envoy refuses it') ?? custom;
  });
  return draft.toObject();
}
