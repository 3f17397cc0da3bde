import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { Draft } from './draft.ts';
import { type ConfigRules, migrateExtension } from './extension.ts';
import type { Scope } from './scope.ts';

const RULES: ConfigRules = { 'envoy.config.trace.v3.ZipkinConfig': migrateZipkin };

/** `Tracing.Http`, a tracer. Nothing depends on spans: one that is gone is left out. */
export function migrateTracer(message: EnvoyObject, scope: Scope): EnvoyObject | undefined {
  return migrateExtension(message, 'tracer', scope, RULES, 'no spans are sent; Envoy 1.40 has OpenTelemetry');
}

/** Zipkin's API v1 is gone from Envoy, and was its default. */
function migrateZipkin(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const version = draft.get('collector_endpoint_version');
  if (version !== undefined && version !== 'HTTP_JSON_V1') return draft.toObject();
  scope.changed('collector_endpoint', "spans go to Zipkin's API v2, as Envoy 1.40 has no v1");
  draft.set('collector_endpoint', '/api/v2/spans');
  draft.set('collector_endpoint_version', 'HTTP_JSON');
  return draft.toObject();
}

/** The `tracing` of a connection manager, which had a direction and tags of its own in v2. */
export function migrateConnectionTracing(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  // Since v3 the listener's traffic_direction says it.
  draft.take('operation_name');
  const tags = scope.list(draft.take('request_headers_for_tags') ?? []);
  const custom = tags.map((tag): EnvoyObject => ({ tag, request_header: { name: tag } }));
  if (custom.length > 0) draft.set('custom_tags', [...scope.list(draft.get('custom_tags') ?? []), ...custom]);
  draft.object('provider', migrateTracer);
  return draft.toObject();
}
