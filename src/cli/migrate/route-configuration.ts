import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { Draft } from './draft.ts';
import { type ConfigRules, migrateExtension } from './extension.ts';
import { EXTENSIONS } from './extension-table.ts';
import type { Scope } from './scope.ts';
import {
  migrateHeaderMatcher,
  migrateMatchersWithin,
  migrateQueryMatcher,
  migrateRegex,
  migrateStringMatcher,
} from './string-matcher.ts';
import { dig } from './walk.ts';

const PER_ROUTE_RULES: ConfigRules = {
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': migrateMatchersWithin,
};

/** `RouteConfiguration`. */
export function migrateRouteConfiguration(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  migrateHeaders(draft);
  draft.list('virtual_hosts', migrateVirtualHost);
  return draft.toObject();
}

function migrateVirtualHost(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('routes', migrateRoute);
  draft.list('virtual_clusters', migrateVirtualCluster);
  draft.object('cors', migrateCors);
  draft.object('retry_policy', migrateRetryPolicy);
  migrateRateLimits(draft);
  migrateHeaders(draft);
  migratePerFilterConfig(draft);
  return draft.toObject();
}

function migrateRoute(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.object('match', migrateRouteMatch);
  draft.object('route', migrateRouteAction);
  migrateHeaders(draft);
  migratePerFilterConfig(draft);
  return draft.toObject();
}

/** `RouteMatch`; the filter that verifies JSON Web Tokens uses it too. */
export function migrateRouteMatch(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  migrateRegex(draft, 'regex', 'safe_regex');
  draft.list('headers', migrateHeaderMatcher);
  draft.list('query_parameters', migrateQueryMatcher);
  return draft.toObject();
}

function migrateRouteAction(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.rename('host_rewrite', 'host_rewrite_literal');
  draft.rename('auto_host_rewrite_header', 'host_rewrite_header');
  const mirror = draft.take('request_mirror_policy');
  if (mirror !== undefined) draft.set('request_mirror_policies', [mirror]);
  draft.withinEach('request_mirror_policies', (one) => {
    const key = one.take('runtime_key');
    if (key === undefined) return;
    // A key that the runtime did not have meant that nothing was mirrored, and its unit was 0.01%.
    const nothing = { numerator: 0, denominator: 'TEN_THOUSAND' };
    one.set('runtime_fraction', { default_value: nothing, runtime_key: key });
  });
  draft.within('weighted_clusters', (clusters) => {
    clusters.withinEach('clusters', (one) => {
      migrateHeaders(one);
      migratePerFilterConfig(one);
    });
  });
  draft.object('cors', migrateCors);
  draft.object('retry_policy', migrateRetryPolicy);
  migrateRateLimits(draft);
  migrateHeaders(draft);
  return draft.toObject();
}

function migrateCors(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const origins = [
    ...scope.list(draft.take('allow_origin') ?? []).map((exact): EnvoyObject => ({ exact })),
    ...scope.list(draft.take('allow_origin_regex') ?? []).map((regex): EnvoyObject => ({ regex })),
  ];
  if (origins.length > 0) draft.set('allow_origin_string_match', origins);
  draft.list('allow_origin_string_match', migrateStringMatcher);
  if (draft.take('enabled') === false) {
    draft.set('filter_enabled', { default_value: { numerator: 0 } });
  }
  return draft.toObject();
}

function migrateRetryPolicy(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('retry_host_predicate', (one, at) => migrateExtension(one, 'retry host predicate', at));
  draft.object('retry_priority', (one, at) => migrateExtension(one, 'retry priority', at));
  draft.list('retriable_headers', migrateHeaderMatcher);
  draft.list('retriable_request_headers', migrateHeaderMatcher);
  return draft.toObject();
}

/** `pattern` and `method` of v2 as what they always were: conditions on headers. */
function migrateVirtualCluster(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const pattern = draft.take('pattern');
  const method = draft.take('method');
  const headers: EnvoyObject[] = [];
  if (pattern !== undefined) headers.push({ name: ':path', regex_match: pattern });
  if (method !== undefined) headers.push({ name: ':method', exact_match: method });
  if (headers.length > 0) draft.set('headers', [...scope.list(draft.get('headers') ?? []), ...headers]);
  draft.list('headers', migrateHeaderMatcher);
  return draft.toObject();
}

function migrateRateLimits(draft: Draft): void {
  draft.withinEach('rate_limits', (one) => {
    one.withinEach('actions', (inner) => {
      inner.within('header_value_match', (headers) => headers.list('headers', migrateHeaderMatcher));
    });
  });
}

/** `append: false` has a name of its own now; the default stays to append. */
function migrateHeaders(draft: Draft): void {
  for (const list of ['request_headers_to_add', 'response_headers_to_add']) {
    draft.withinEach(list, (one) => {
      if (one.take('append') === false) one.set('append_action', 'OVERWRITE_IF_EXISTS_OR_ADD');
    });
  }
}

/** Settings of filters for one route, by the name of the filter. */
function migratePerFilterConfig(draft: Draft): void {
  const untyped = draft.take('per_filter_config');
  const typed = draft.get('typed_per_filter_config');
  if (untyped === undefined && typed === undefined) return;
  const configs: Record<string, EnvoyValue> = {};
  const add = (
    from: EnvoyValue,
    field: string,
    toExtension: (name: string, config: EnvoyValue) => EnvoyObject,
  ): void => {
    const at = draft.scope.at(field);
    for (const [name, config] of Object.entries(at.object(from))) {
      const extension = toExtension(name, config);
      const migrated = migrateExtension(extension, 'route configuration', at.at(name), PER_ROUTE_RULES);
      const value = dig(migrated, 'typed_config');
      if (value !== undefined) configs[toFilterName(name)] = value;
    }
  };
  if (untyped !== undefined) add(untyped, 'per_filter_config', (name, config) => ({ name, config }));
  if (typed !== undefined) add(typed, 'typed_per_filter_config', (name, config) => ({ name, typed_config: config }));
  draft.set('typed_per_filter_config', configs);
}

/** The key has to be the filter's name, which is the present one after its migration. */
function toFilterName(name: string): string {
  return EXTENSIONS.find((one) => one.place === 'HTTP filter' && one.oldNames.includes(name))?.name ?? name;
}
