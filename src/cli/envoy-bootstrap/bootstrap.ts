import { toEnvoyAddress } from './address.ts';
import { toAgentCluster } from './agent-cluster.ts';
import type { AgentAccess, BootstrapOptions } from './bootstrap-options.ts';
import type { EnvoyObject } from './document.ts';
import { toHttpListener } from './http-listener.ts';
import { toApiSource, toSdsSource } from './sds-source.ts';
import { toDownstreamTls, toUpstreamTls } from './tls-context.ts';
import { toTokenSecret } from './token-secret.ts';
import { toHttpOptions, toUpstreamCluster } from './upstream-cluster.ts';

/** A complete Envoy 1.40 bootstrap. */
export function toBootstrap(options: BootstrapOptions): EnvoyObject {
  const { access } = options;
  return {
    node: { id: options.nodeId, cluster: options.nodeCluster },
    admin: { address: toEnvoyAddress(options.admin) },
    ...(access.mode === 'ads' ? { dynamic_resources: { ads_config: toApiSource(access) } } : {}),
    static_resources: toStaticResources(options),
  };
}

function toStaticResources(options: BootstrapOptions): EnvoyObject {
  const { access, role } = options;
  const listenerSource = toSdsSource(access);
  // Envoy 1.40 sets up ADS after the static clusters, and crashes on one whose secrets come over it.
  const clusterSource = access.mode === 'ads' ? toSdsSource({ ...access, mode: access.grpcClient }) : listenerSource;
  const listeners: EnvoyObject[] = [];
  const clusters: EnvoyObject[] = usesEnvoyClient(access) ? [toAgentCluster(access)] : [];
  if (role !== 'client') {
    listeners.push(toHttpListener('inbound', options.listener, 'app', toDownstreamTls(options, listenerSource)));
    clusters.push(toUpstreamCluster('app', options.app));
  }
  if (role !== 'server') {
    listeners.push(toHttpListener('outbound', options.outbound, 'peer'));
    clusters.push(toUpstreamCluster('peer', options.upstream, toPeerFields(options, clusterSource)));
  }
  return {
    ...(needsTokenSecret(access) ? { secrets: [toTokenSecret(access.tokenFile)] } : {}),
    clusters,
    listeners,
  };
}

function toPeerFields(options: BootstrapOptions, sdsSource: EnvoyObject): EnvoyObject {
  const limit = options.requestsPerConnection;
  return {
    ...(limit === undefined
      ? {}
      : toHttpOptions({
          explicit_http_config: { http_protocol_options: {} },
          common_http_protocol_options: { max_requests_per_connection: limit },
        })),
    transport_socket: toUpstreamTls(options, sdsSource),
  };
}

/** Whether Envoy's own HTTP client asks the agent, and not Google's. */
export function usesEnvoyClient(access: AgentAccess): boolean {
  return access.mode === 'rest' || access.grpcClient === 'envoy-grpc';
}

function needsTokenSecret(access: AgentAccess): boolean {
  return usesEnvoyClient(access) && access.tokenSecretFile === undefined && !access.withoutToken;
}
