import { AgentError } from '../../core/agent-error.ts';
import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { migrateBootstrap } from './bootstrap.ts';
import { migrateCluster } from './cluster.ts';
import { Draft, type Migrate } from './draft.ts';
import { isOld, TYPE_PREFIX, typeOf } from './extension.ts';
import { migrateListener } from './listener.ts';
import { type MigrationOptions, toPlan } from './plan.ts';
import { migrateRouteConfiguration } from './route-configuration.ts';
import { Findings, isObject, Scope } from './scope.ts';
import { exchangeSdsClusters } from './sds-clusters.ts';
import { migrateSecret } from './static-secret.ts';
import { dig, walk } from './walk.ts';

/** A migrated configuration, and what its reader should know. */
export interface Migration {
  readonly configuration: EnvoyObject;
  readonly findings: Findings;
}

/** The token that the first versions of Istio's node agent took. */
const OTHER_AUDIENCE = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const FOR_THE_API_SERVER =
  'this token is for the API server: project one for the audience in TOKEN_AUDIENCES, and name it with --token-file';

const GUESSED =
  "taken for the workload's own, as all mutual TLS agrees on the CA: it comes from the agent now; --certificate and --ca say otherwise";

const BOOTSTRAP_FIELDS = ['node', 'admin', 'static_resources', 'dynamic_resources'];

/** What may stand in a file of its own, for dynamic resources: type of v2, of v3, and what migrates it. */
const RESOURCES: readonly (readonly [string, string, Migrate])[] = [
  ['envoy.api.v2.Listener', 'envoy.config.listener.v3.Listener', migrateListener],
  ['envoy.api.v2.Cluster', 'envoy.config.cluster.v3.Cluster', migrateCluster],
  ['envoy.api.v2.RouteConfiguration', 'envoy.config.route.v3.RouteConfiguration', migrateRouteConfiguration],
  ['envoy.api.v2.ClusterLoadAssignment', 'envoy.config.endpoint.v3.ClusterLoadAssignment', (endpoints) => endpoints],
  ['envoy.api.v2.auth.Secret', 'envoy.extensions.transport_sockets.tls.v3.Secret', migrateSecret],
];

/**
 * Turns an Envoy configuration of v2 or v3 into one for Envoy 1.40 whose workload certificate and roots come from the
 * agent: a whole bootstrap, or a file with `resources`. Pure; the input is not changed.
 *
 * @throws AgentError `settings-invalid` when it is neither, or something has to be decided first
 */
export function migrateConfiguration(input: EnvoyObject, options: MigrationOptions): Migration {
  const findings = new Findings();
  const scope = new Scope(toPlan(input, options), findings);
  for (const file of scope.plan.guessedFiles) scope.changed(file, GUESSED);
  if (scope.plan.access.tokenFile === OTHER_AUDIENCE) scope.changed(OTHER_AUDIENCE, FOR_THE_API_SERVER);
  const names = new Draft(input, scope);
  const isBootstrap = BOOTSTRAP_FIELDS.some((field) => names.get(field) !== undefined);
  if (!isBootstrap && names.get('resources') === undefined) {
    throw new AgentError(
      'settings-invalid',
      `this is no Envoy bootstrap, which has ${BOOTSTRAP_FIELDS.join(', ')}, and no file with resources`,
    );
  }
  const configuration = isBootstrap
    ? exchangeSdsClusters(migrateBootstrap(input, scope), scope)
    : migrateResources(names);
  findLeftovers(configuration, scope);
  return { configuration, findings };
}

function migrateResources(file: Draft): EnvoyObject {
  file.list('resources', (resource, scope) => {
    const type = typeOf(resource);
    const row = RESOURCES.find(([then, now]) => type === then || type === now);
    if (row === undefined) {
      scope.notCarriedOver(type ?? 'a resource without @type', 'kept as it is: no such resource is known');
      return resource;
    }
    const { '@type': _, ...fields } = resource;
    return { '@type': `${TYPE_PREFIX}${row[1]}`, ...row[2](fields, scope) };
  });
  return file.toObject();
}

/** What was not understood, because it stands inside of something that nothing here knows, and so was only copied. */
function findLeftovers(configuration: EnvoyObject, scope: Scope): void {
  walk(configuration, (object, path) => {
    const type = typeOf(object);
    const names = Object.keys(object).filter((name) =>
      /^hidden_envoy_deprecated_|^verify_subject_alt_name$/.test(name),
    );
    for (const what of type !== undefined && isOld(type) ? [type, ...names] : names) {
      scope.at(path).notCarriedOver(what, 'kept as it is: it is not known what became of it, and Envoy refuses it');
    }
    const server = dig(object, 'api_config_source');
    if (isObject(server) && dig(server, 'transport_api_version') !== 'V3') {
      scope
        .at(path)
        .notCarriedOver('api_config_source', 'kept as it is: it asks with the v2 protocol, and Envoy refuses it');
    }
    const tls = dig(object, 'common_tls_context');
    if (isObject(tls) && !scope.findings.tlsContexts.has(tls)) {
      scope
        .at(path)
        .notCarriedOver('common_tls_context', 'kept as it is: it stands where no TLS context was looked for');
    }
  });
}
