import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { migrateAccessLog } from './access-log.ts';
import { migrateConfigSource } from './config-source.ts';
import { DENY_EVERY_REQUEST, END_OF_REQUESTS } from './deny-everything.ts';
import { Draft } from './draft.ts';
import { migrateHttpFilter } from './http-filter.ts';
import { migrateRouteConfiguration } from './route-configuration.ts';
import type { Scope } from './scope.ts';
import { migrateConnectionTracing } from './tracing.ts';

/** `HttpConnectionManager`. */
export function migrateHttpConnectionManager(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.object('route_config', migrateRouteConfiguration);
  draft.within('rds', (inner) => inner.object('config_source', migrateConfigSource));
  draft.within('scoped_routes', (inner) => {
    inner.object('rds_config_source', migrateConfigSource);
    inner.within('scoped_rds', (source) => source.object('scoped_rds_config_source', migrateConfigSource));
  });
  draft.list('http_filters', migrateHttpFilter);
  const filters = scope.list(draft.get('http_filters') ?? []);
  if (filters.at(-1) === DENY_EVERY_REQUEST) draft.set('http_filters', [...filters, END_OF_REQUESTS]);
  draft.list('access_log', migrateAccessLog);
  draft.object('tracing', migrateConnectionTracing);
  migrateIdleTimeout(draft);
  return draft.toObject();
}

function migrateIdleTimeout(draft: Draft): void {
  const timeout = draft.take('idle_timeout');
  if (timeout === undefined) return;
  const { scope } = draft;
  const common = scope.at('common_http_protocol_options').object(draft.get('common_http_protocol_options') ?? {});
  draft.set('common_http_protocol_options', { idle_timeout: timeout, ...common });
}
