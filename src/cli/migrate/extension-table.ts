/** Where in a configuration an extension may stand: Envoy looks its name up among those of the same place only. */
export type ExtensionPlace =
  | 'network filter'
  | 'HTTP filter'
  | 'listener filter'
  | 'access logger'
  | 'tracer'
  | 'stats sink'
  | 'upstream transport socket'
  | 'downstream transport socket'
  | 'health checker'
  | 'retry host predicate'
  | 'retry priority'
  | 'resource monitor'
  | 'cluster type'
  | 'call credential'
  | 'route configuration';

/** An extension that Envoy 1.40 has, and what it was called before. */
export interface Extension {
  readonly place: ExtensionPlace;
  /** As Envoy calls it now. */
  readonly name: string;
  /** Names that v2 configurations gave it, besides the present one. */
  readonly oldNames: readonly string[];
  /** Message types without `type.googleapis.com/`, now and then. */
  readonly type: string;
  readonly oldType: string;
}

const V2 = 'envoy.config.filter';
const V3 = 'envoy.extensions.filters';

function row(place: ExtensionPlace, name: string, type: string, oldType: string, ...oldNames: string[]): Extension {
  return { place, name, oldNames, type, oldType };
}

function network(name: string, message: string, old: string, ...oldNames: string[]): Extension {
  const type = `${V3}.network.${name}.v3.${message}`;
  return row('network filter', `envoy.filters.network.${name}`, type, `${V2}.network.${old}.${message}`, ...oldNames);
}

function http(name: string, message: string, old: string, ...oldNames: string[]): Extension {
  const type = `${V3}.http.${name}.v3.${message}`;
  return row('HTTP filter', `envoy.filters.http.${name}`, type, `${V2}.http.${old}.${message}`, ...oldNames);
}

/** The configuration of an HTTP filter for one route, in `per_filter_config`. */
function perRoute(name: string, message: string, old: string, ...oldNames: string[]): Extension {
  return { ...http(name, message, old, ...oldNames), place: 'route configuration' };
}

function listener(name: string, message: string, version: string): Extension {
  const type = `${V3}.listener.${name}.v3.${message}`;
  const oldType = `${V2}.listener.${name}.${version}.${message}`;
  return row('listener filter', `envoy.filters.listener.${name}`, type, oldType, `envoy.listener.${name}`);
}

function logger(name: string, type: string, message: string): Extension {
  const now = `envoy.extensions.access_loggers.${type}.v3.${message}`;
  return row(
    'access logger',
    `envoy.access_loggers.${name}`,
    now,
    `envoy.config.accesslog.v2.${message}`,
    `envoy.${name}_access_log`,
  );
}

function metrics(name: string, message: string): Extension {
  const [now, then] = [`envoy.config.metrics.v3.${message}`, `envoy.config.metrics.v2.${message}`];
  return row('stats sink', `envoy.stat_sinks.${name}`, now, then, `envoy.${name}`);
}

function retry(place: ExtensionPlace, name: string, now: string, then: string): Extension {
  return row(place, name, `envoy.extensions.retry.${now}`, `envoy.config.retry.${then}`);
}

/**
 * Every extension that is carried over. Its name is one that Envoy 1.40 lists when it starts, and its type is where the
 * `move_to_package` annotations of the v2 API say that the old one went.
 */
export const EXTENSIONS: readonly Extension[] = [
  network(
    'http_connection_manager',
    'HttpConnectionManager',
    'http_connection_manager.v2',
    'envoy.http_connection_manager',
  ),
  network('tcp_proxy', 'TcpProxy', 'tcp_proxy.v2', 'envoy.tcp_proxy'),
  network('rbac', 'RBAC', 'rbac.v2'),
  network('ext_authz', 'ExtAuthz', 'ext_authz.v2', 'envoy.ext_authz'),
  network('ratelimit', 'RateLimit', 'rate_limit.v2', 'envoy.ratelimit'),
  network('local_ratelimit', 'LocalRateLimit', 'local_rate_limit.v2alpha'),
  network('mongo_proxy', 'MongoProxy', 'mongo_proxy.v2', 'envoy.mongo_proxy'),
  network('redis_proxy', 'RedisProxy', 'redis_proxy.v2', 'envoy.redis_proxy'),
  network('sni_cluster', 'SniCluster', 'sni_cluster.v2'),
  network('echo', 'Echo', 'echo.v2', 'envoy.echo'),
  network('direct_response', 'Config', 'direct_response.v2'),
  http('router', 'Router', 'router.v2', 'envoy.router'),
  http('rbac', 'RBAC', 'rbac.v2', 'envoy.rbac'),
  http('ext_authz', 'ExtAuthz', 'ext_authz.v2', 'envoy.ext_authz'),
  http('jwt_authn', 'JwtAuthentication', 'jwt_authn.v2alpha'),
  http('ratelimit', 'RateLimit', 'rate_limit.v2', 'envoy.rate_limit'),
  http('cors', 'Cors', 'cors.v2', 'envoy.cors'),
  http('csrf', 'CsrfPolicy', 'csrf.v2', 'envoy.csrf'),
  http('fault', 'HTTPFault', 'fault.v2', 'envoy.fault'),
  http('buffer', 'Buffer', 'buffer.v2', 'envoy.buffer'),
  http('lua', 'Lua', 'lua.v2', 'envoy.lua'),
  http('health_check', 'HealthCheck', 'health_check.v2', 'envoy.health_check'),
  http('header_to_metadata', 'Config', 'header_to_metadata.v2'),
  http('ip_tagging', 'IPTagging', 'ip_tagging.v2', 'envoy.ip_tagging'),
  http('grpc_web', 'GrpcWeb', 'grpc_web.v2', 'envoy.grpc_web'),
  http('grpc_stats', 'FilterConfig', 'grpc_stats.v2alpha'),
  http('grpc_http1_bridge', 'Config', 'grpc_http1_bridge.v2', 'envoy.grpc_http1_bridge'),
  http('grpc_json_transcoder', 'GrpcJsonTranscoder', 'transcoder.v2', 'envoy.grpc_json_transcoder'),
  http('on_demand', 'OnDemand', 'on_demand.v2'),
  http('adaptive_concurrency', 'AdaptiveConcurrency', 'adaptive_concurrency.v2alpha'),
  http('dynamic_forward_proxy', 'FilterConfig', 'dynamic_forward_proxy.v2alpha'),
  perRoute('rbac', 'RBACPerRoute', 'rbac.v2', 'envoy.rbac'),
  perRoute('ext_authz', 'ExtAuthzPerRoute', 'ext_authz.v2', 'envoy.ext_authz'),
  perRoute('csrf', 'CsrfPolicy', 'csrf.v2', 'envoy.csrf'),
  perRoute('fault', 'HTTPFault', 'fault.v2', 'envoy.fault'),
  perRoute('buffer', 'BufferPerRoute', 'buffer.v2', 'envoy.buffer'),
  perRoute('grpc_json_transcoder', 'GrpcJsonTranscoder', 'transcoder.v2', 'envoy.grpc_json_transcoder'),
  perRoute('dynamic_forward_proxy', 'PerRouteConfig', 'dynamic_forward_proxy.v2alpha'),
  listener('tls_inspector', 'TlsInspector', 'v2'),
  listener('http_inspector', 'HttpInspector', 'v2'),
  listener('original_dst', 'OriginalDst', 'v2'),
  listener('original_src', 'OriginalSrc', 'v2alpha1'),
  listener('proxy_protocol', 'ProxyProtocol', 'v2'),
  logger('file', 'file', 'FileAccessLog'),
  logger('http_grpc', 'grpc', 'HttpGrpcAccessLogConfig'),
  logger('tcp_grpc', 'grpc', 'TcpGrpcAccessLogConfig'),
  row(
    'tracer',
    'envoy.tracers.zipkin',
    'envoy.config.trace.v3.ZipkinConfig',
    'envoy.config.trace.v2.ZipkinConfig',
    'envoy.zipkin',
  ),
  row('tracer', 'envoy.tracers.datadog', 'envoy.config.trace.v3.DatadogConfig', 'envoy.config.trace.v2.DatadogConfig'),
  metrics('statsd', 'StatsdSink'),
  metrics('dog_statsd', 'DogStatsdSink'),
  metrics('metrics_service', 'MetricsServiceConfig'),
  row(
    'upstream transport socket',
    'envoy.transport_sockets.tls',
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    'envoy.api.v2.auth.UpstreamTlsContext',
    'tls',
  ),
  row(
    'downstream transport socket',
    'envoy.transport_sockets.tls',
    'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    'envoy.api.v2.auth.DownstreamTlsContext',
    'tls',
  ),
  ...(['upstream', 'downstream'] as const).map((side) =>
    row(
      `${side} transport socket`,
      'envoy.transport_sockets.raw_buffer',
      'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
      'envoy.config.transport_socket.raw_buffer.v2.RawBuffer',
      'raw_buffer',
    ),
  ),
  retry(
    'retry host predicate',
    'envoy.retry_host_predicates.previous_hosts',
    'host.previous_hosts.v3.PreviousHostsPredicate',
    'previous_hosts.v2.PreviousHostsPredicate',
  ),
  retry(
    'retry host predicate',
    'envoy.retry_host_predicates.omit_canary_hosts',
    'host.omit_canary_hosts.v3.OmitCanaryHostsPredicate',
    'omit_canary_hosts.v2.OmitCanaryHostsPredicate',
  ),
  retry(
    'retry host predicate',
    'envoy.retry_host_predicates.omit_host_metadata',
    'host.omit_host_metadata.v3.OmitHostMetadataConfig',
    'omit_host_metadata.v2.OmitHostMetadataConfig',
  ),
  retry(
    'retry priority',
    'envoy.retry_priorities.previous_priorities',
    'priority.previous_priorities.v3.PreviousPrioritiesConfig',
    'previous_priorities.PreviousPrioritiesConfig',
  ),
  row(
    'health checker',
    'envoy.health_checkers.redis',
    'envoy.extensions.health_checkers.redis.v3.Redis',
    'envoy.config.health_checker.redis.v2.Redis',
  ),
  row(
    'resource monitor',
    'envoy.resource_monitors.fixed_heap',
    'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig',
    'envoy.config.resource_monitor.fixed_heap.v2alpha.FixedHeapConfig',
  ),
  row(
    'cluster type',
    'envoy.clusters.aggregate',
    'envoy.extensions.clusters.aggregate.v3.ClusterConfig',
    'envoy.config.cluster.aggregate.v2alpha.ClusterConfig',
  ),
  row(
    'cluster type',
    'envoy.clusters.dynamic_forward_proxy',
    'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig',
    'envoy.config.cluster.dynamic_forward_proxy.v2alpha.ClusterConfig',
  ),
  row(
    'call credential',
    'envoy.grpc_credentials.file_based_metadata',
    'envoy.config.grpc_credential.v3.FileBasedMetadataConfig',
    'envoy.config.grpc_credential.v2alpha.FileBasedMetadataConfig',
  ),
];
