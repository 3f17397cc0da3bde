import { type EnvoyObject, type EnvoyValue, typed } from '../envoy-bootstrap/document.ts';
import { migrateAccessLog } from './access-log.ts';
import { DENIES, DENY_EVERY_CONNECTION, END_OF_CONNECTIONS } from './deny-everything.ts';
import { Draft } from './draft.ts';
import { type ConfigRules, migrateExtension } from './extension.ts';
import { migrateHttpConnectionManager } from './http-connection-manager.ts';
import { migrateExtAuthz, migrateRateLimit } from './http-filter.ts';
import type { Scope } from './scope.ts';
import { migrateMatchersWithin } from './string-matcher.ts';
import { migrateTransportSocket } from './tls-context.ts';
import { dig } from './walk.ts';

const NETWORK = 'envoy.extensions.filters.network';

const RULES: ConfigRules = {
  [`${NETWORK}.http_connection_manager.v3.HttpConnectionManager`]: migrateHttpConnectionManager,
  [`${NETWORK}.tcp_proxy.v3.TcpProxy`]: migrateTcpProxy,
  [`${NETWORK}.rbac.v3.RBAC`]: migrateMatchersWithin,
  [`${NETWORK}.ext_authz.v3.ExtAuthz`]: migrateExtAuthz,
  [`${NETWORK}.ratelimit.v3.RateLimit`]: migrateRateLimit,
};

const TLS_INSPECTOR = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: typed('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'),
};

/** `Listener`. */
export function migrateListener(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  let closed = false;
  draft.list('listener_filters', (filter, at) => {
    const migrated = migrateExtension(filter, 'listener filter', at, {}, DENIES);
    closed ||= migrated === undefined;
    return migrated;
  });
  addTlsInspector(draft);
  const migrateChain = (chain: EnvoyObject, at: Scope): EnvoyObject => migrateFilterChain(chain, at, closed);
  draft.list('filter_chains', migrateChain);
  draft.object('default_filter_chain', migrateChain);
  draft.list('access_log', migrateAccessLog);
  const legacy = draft.take('deprecated_v1');
  if (legacy !== undefined) {
    const bind = new Draft(scope.object(legacy), scope.at('deprecated_v1')).get('bind_to_port');
    draft.set('bind_to_port', bind);
  }
  return draft.toObject();
}

/** Envoy used to put it in by itself. Without it no chain is chosen by the name that a client asks for. */
function addTlsInspector(draft: Draft): void {
  const { scope } = draft;
  const filters = scope.list(draft.get('listener_filters') ?? []);
  const chains = scope.list(draft.get('filter_chains') ?? []);
  const looksInside = chains.some((chain) => {
    const match = dig(chain, 'filter_chain_match');
    return ['server_names', 'application_protocols', 'transport_protocol'].some(
      (name) => dig(match, name) !== undefined,
    );
  });
  if (!looksInside || filters.some((filter) => dig(filter, 'name') === TLS_INSPECTOR.name)) return;
  draft.set('listener_filters', [...filters, TLS_INSPECTOR]);
  scope.changed(
    'listener_filters',
    'has the TLS inspector now, without which no chain is chosen by what a client asks for',
  );
}

function migrateFilterChain(message: EnvoyObject, scope: Scope, closed: boolean): EnvoyObject {
  const draft = new Draft(message, scope);
  migrateTransportSocket(draft, 'Downstream');
  draft.list('filters', (filter, at) => migrateNetworkFilter(filter, at));
  const filters = scope.list(draft.get('filters') ?? []);
  if (filters.at(-1) === DENY_EVERY_CONNECTION) draft.set('filters', [...filters, END_OF_CONNECTIONS]);
  if (closed) draft.set('filters', [DENY_EVERY_CONNECTION, ...scope.list(draft.get('filters') ?? [])]);
  return draft.toObject();
}

/** `Filter`. One that Envoy 1.40 does not have is replaced by one that closes every connection. */
function migrateNetworkFilter(message: EnvoyObject, scope: Scope): EnvoyObject {
  return migrateExtension(message, 'network filter', scope, RULES, DENIES) ?? DENY_EVERY_CONNECTION;
}

function migrateTcpProxy(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('access_log', migrateAccessLog);
  const legacy = draft.get('deprecated_v1');
  if (legacy !== undefined) migrateTcpRoutes(draft, scope.at('deprecated_v1').object(legacy));
  return draft.toObject();
}

/** One route for all connections is what a TCP proxy has today; conditions belong to filter chains. */
function migrateTcpRoutes(draft: Draft, legacy: EnvoyObject): void {
  const routes = draft.scope.list(dig(legacy, 'routes') ?? []);
  const [route] = routes;
  const conditions = Object.keys(Object(route)).filter((name) => name !== 'cluster');
  const cluster: EnvoyValue | undefined = Object(route).cluster;
  if (routes.length === 1 && conditions.length === 0 && draft.get('cluster') === undefined && cluster !== undefined) {
    draft.rename('deprecated_v1', 'cluster');
    draft.set('cluster', cluster);
    return;
  }
  draft.scope.notCarriedOver('deprecated_v1', 'kept, and Envoy refuses it: write its conditions as filter_chain_match');
}
