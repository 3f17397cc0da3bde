import { type EnvoyObject, extension } from '../envoy-bootstrap/document.ts';
import { migrateCluster } from './cluster.ts';
import { migrateApiConfigSource, migrateConfigSource, migrateGrpcService } from './config-source.ts';
import { Draft, edit, type Migrate } from './draft.ts';
import { type ConfigRules, migrateExtension } from './extension.ts';
import { migrateListener } from './listener.ts';
import type { Scope } from './scope.ts';
import { migrateSecret } from './static-secret.ts';
import { migrateStringMatcher } from './string-matcher.ts';
import { migrateTracer } from './tracing.ts';

const SINK_RULES: ConfigRules = { 'envoy.config.metrics.v3.MetricsServiceConfig': migrateMetricsService };

/** `Bootstrap`, the whole of what Envoy starts with. */
export function migrateBootstrap(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.object('node', migrateNode);
  draft.object('static_resources', migrateStaticResources);
  draft.object('dynamic_resources', within({ ads_config: migrateApiConfigSource }, ['lds_config', 'cds_config']));
  draft.object('hds_config', migrateApiConfigSource);
  draft.object('cluster_manager', within({ load_stats_config: migrateApiConfigSource }));
  draft.object('admin', migrateAdmin);
  draft.object('stats_config', migrateStatsConfig);
  draft.list('stats_sinks', (sink, at) => migrateExtension(sink, 'stats sink', at, SINK_RULES));
  draft.object('tracing', (tracing, at) => dropEmpty(within({ http: migrateTracer })(tracing, at)));
  draft.object('overload_manager', migrateOverload);
  migrateRuntime(draft);
  migrateWatchdog(draft);
  return draft.toObject();
}

/** Migrates fields that hold a message; those of the list hold a `ConfigSource`. */
function within(rules: Readonly<Record<string, Migrate>>, sources: readonly string[] = []): Migrate {
  return edit((draft) => {
    for (const source of sources) draft.object(source, migrateConfigSource);
    for (const [name, migrate] of Object.entries(rules)) draft.object(name, migrate);
  });
}

function dropEmpty(message: EnvoyObject | undefined): EnvoyObject | undefined {
  return message === undefined || Object.keys(message).length === 0 ? undefined : message;
}

function migrateStaticResources(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('secrets', migrateSecret);
  draft.list('clusters', migrateCluster);
  draft.list('listeners', migrateListener);
  return draft.toObject();
}

function migrateNode(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.drop('build_version', 'Envoy says its version itself, as user_agent_build_version');
  return draft.toObject();
}

function migrateAdmin(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const path = draft.take('access_log_path');
  if (path !== undefined && path !== '') {
    const type = 'envoy.extensions.access_loggers.file.v3.FileAccessLog';
    draft.set('access_log', [extension('envoy.access_loggers.file', type, { path })]);
  }
  return draft.toObject();
}

function migrateStatsConfig(message: EnvoyObject, scope: Scope): EnvoyObject {
  const patterns: Migrate = edit((draft) => draft.list('patterns', migrateStringMatcher));
  return (
    within({ stats_matcher: within({ inclusion_list: patterns, exclusion_list: patterns }) })(message, scope) ?? {}
  );
}

function migrateMetricsService(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.object('grpc_service', migrateGrpcService);
  if (draft.get('transport_api_version') !== 'V3') {
    scope.notCarriedOver('the v2 protocol', 'the metrics server has to speak v3');
  }
  draft.set('transport_api_version', 'V3');
  return draft.toObject();
}

function migrateOverload(message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  draft.list('resource_monitors', (monitor, at) => {
    return migrateExtension(monitor, 'resource monitor', at, {}, 'it was kept, and Envoy refuses it') ?? monitor;
  });
  return draft.toObject();
}

/** The one `runtime` of v2 as the layers that it stood for, the last of which wins. */
function migrateRuntime(draft: Draft): void {
  const runtime = draft.take('runtime');
  if (runtime === undefined) return;
  const { symlink_root, subdirectory, override_subdirectory, base } = draft.scope.object(runtime);
  const layers: EnvoyObject[] = [];
  if (base !== undefined) layers.push({ name: 'base', static_layer: base });
  if (symlink_root !== undefined) {
    const root = { symlink_root, ...(subdirectory === undefined ? {} : { subdirectory }) };
    layers.push({ name: 'root', disk_layer: root });
    if (override_subdirectory !== undefined) {
      const override = { symlink_root, subdirectory: override_subdirectory, append_service_cluster: true };
      layers.push({ name: 'override', disk_layer: override });
    }
  }
  draft.set('layered_runtime', { layers: [...layers, { name: 'admin', admin_layer: {} }] });
}

/** One watchdog for all threads became one for the main thread and one for the others. */
function migrateWatchdog(draft: Draft): void {
  const watchdog = draft.take('watchdog');
  if (watchdog !== undefined) draft.set('watchdogs', { main_thread_watchdog: watchdog, worker_watchdog: watchdog });
}
