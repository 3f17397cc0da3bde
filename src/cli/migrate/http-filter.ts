import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { migrateGrpcService } from './config-source.ts';
import { DENIES, DENY_EVERY_REQUEST } from './deny-everything.ts';
import { Draft } from './draft.ts';
import { type ConfigRules, migrateExtension } from './extension.ts';
import { migrateRouteMatch } from './route-configuration.ts';
import { isObject, type Scope } from './scope.ts';
import { migrateHeaderMatcher, migrateMatchersWithin, migrateStringMatcher } from './string-matcher.ts';
import { dig } from './walk.ts';

const HTTP = 'envoy.extensions.filters.http';

const RULES: ConfigRules = {
  [`${HTTP}.rbac.v3.RBAC`]: migrateMatchersWithin,
  [`${HTTP}.ext_authz.v3.ExtAuthz`]: migrateExtAuthz,
  [`${HTTP}.ratelimit.v3.RateLimit`]: migrateRateLimit,
  [`${HTTP}.jwt_authn.v3.JwtAuthentication`]: migrateJwtAuthentication,
  [`${HTTP}.lua.v3.Lua`]: migrateLua,
  [`${HTTP}.fault.v3.HTTPFault`]: withHeaders,
  [`${HTTP}.health_check.v3.HealthCheck`]: withHeaders,
};

/**
 * `HttpFilter`. One that Envoy 1.40 does not have is replaced by one that refuses every request, because it may have
 * refused some; only of Istio's Mixer filter without checks it is known that it refused none.
 */
export function migrateHttpFilter(message: EnvoyObject, scope: Scope): EnvoyObject | undefined {
  if (dig(message, 'name') === 'mixer' && reportsOnly(dig(message, 'config') ?? dig(message, 'typed_config'))) {
    scope.notCarriedOver('mixer', 'Envoy has no such filter: it was left out, as it reported only and checked nothing');
    return undefined;
  }
  return migrateExtension(message, 'HTTP filter', scope, RULES, DENIES) ?? DENY_EVERY_REQUEST;
}

function reportsOnly(config: EnvoyValue | undefined): boolean {
  const services = dig(config, 'service_configs');
  const checks = isObject(services) ? Object.values(services).map((one) => dig(one, 'disable_check_calls')) : [];
  return checks.length > 0 && checks.every((off) => off === true);
}

/**
 * `ExtAuthz`, of HTTP and of network filters. Its server is asked with the v3 protocol now; one that knows v2 only
 * fails, and a failure must not let anybody through.
 */
export function migrateExtAuthz(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.take('use_alpha');
  if (draft.get('grpc_service') !== undefined && draft.get('transport_api_version') !== 'V3') {
    draft.set('transport_api_version', 'V3');
    const open = draft.take('failure_mode_allow') === true;
    scope.notCarriedOver(
      open ? 'failure_mode_allow' : 'the v2 protocol',
      `the authorization server has to speak v3${open ? '; until that is sure, its failures refuse requests' : ''}`,
    );
  }
  draft.object('grpc_service', migrateGrpcService);
  draft.within('http_service', (inner) => {
    for (const [part, lists] of [
      ['authorization_request', ['allowed_headers']],
      ['authorization_response', ['allowed_upstream_headers', 'allowed_client_headers']],
    ] as const) {
      inner.within(part, (headers) => {
        for (const list of lists) headers.object(list, migrateListOfMatchers);
      });
    }
  });
  return draft.toObject();
}

function migrateListOfMatchers(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('patterns', migrateStringMatcher);
  return draft.toObject();
}

/** `RateLimit`, of HTTP and of network filters. */
export function migrateRateLimit(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.within('rate_limit_service', (inner) => {
    if (inner.get('transport_api_version') !== 'V3') {
      inner.scope.notCarriedOver('the v2 protocol', 'the rate limit server has to speak v3');
    }
    inner.set('transport_api_version', 'V3');
    inner.object('grpc_service', migrateGrpcService);
  });
  return draft.toObject();
}

function migrateJwtAuthentication(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.withinEach('rules', (inner) => inner.object('match', migrateRouteMatch));
  return draft.toObject();
}

function migrateLua(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const code = draft.take('inline_code');
  if (code !== undefined) draft.set('default_source_code', { inline_string: code });
  return draft.toObject();
}

function withHeaders(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('headers', migrateHeaderMatcher);
  return draft.toObject();
}
