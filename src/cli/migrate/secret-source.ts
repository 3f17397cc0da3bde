import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { migrateConfigSource } from './config-source.ts';
import { Draft } from './draft.ts';
import type { Scope } from './scope.ts';
import { dig, digText } from './walk.ts';

/** What a secret is for. */
export type SecretKind = 'certificate' | 'bundle';

/** What the agent serves without a setting, under these names. */
const SERVED = { certificate: /^(?:default|spiffe:\/\/.+)$/, bundle: /^(?:ROOTCA|ALL|spiffe:\/\/.+)$/ };
const FILE_NAME = /^file-(?:cert|root):/;
/** Where Istio's gateway had its own SDS server, for certificates from Kubernetes Secrets. */
const GATEWAY_SOCKET = /ingress_gateway\/sds$/;

/** The agent's own certificate, or bundle, under its first name. */
export function fromAgent(kind: SecretKind, scope: Scope): EnvoyObject {
  return named(kind === 'certificate' ? 'default' : 'ROOTCA', kind, scope);
}

function named(name: string, kind: SecretKind, scope: Scope): EnvoyObject {
  if (kind === 'certificate') scope.findings.certificates++;
  else scope.findings.bundles++;
  return { name, sds_config: scope.plan.sdsSource };
}

/**
 * `SdsSecretConfig`: a secret that came from an SDS server on this node comes from the agent, under the name it has.
 * One that came from anywhere else stays where it is.
 */
export function migrateSecretConfig(kind: SecretKind, message: EnvoyObject, scope: Scope): EnvoyObject {
  const draft = new Draft(message, scope);
  const name = scope.at('name').text(draft.get('name') ?? '');
  const source = draft.get('sds_config');
  if (source === undefined) {
    scope.notCarriedOver(
      name,
      "stays a secret of static_resources: if it is the workload's, put the one of the agent here",
    );
    return draft.toObject();
  }
  const socket = socketOf(scope.object(source), scope);
  if (socket === undefined) {
    draft.object('sds_config', migrateConfigSource);
    scope.notCarriedOver(name, 'does not come from an SDS server on this node: its source was kept');
    return draft.toObject();
  }
  if (GATEWAY_SOCKET.test(socket) || socket === scope.plan.gatewaySocketPath) {
    scope.changed(name, `a gateway secret, from the agent's socket for them, GATEWAY_SDS_UDS_PATH`);
    draft.set('sds_config', scope.plan.gatewaySource);
    return draft.toObject();
  }
  sayWhatIsNeeded(name, kind, scope);
  return named(name, kind, scope);
}

function sayWhatIsNeeded(name: string, kind: SecretKind, scope: Scope): void {
  if (FILE_NAME.test(name)) {
    scope.changed(name, 'the agent serves files of the directories in FILE_SECRET_DIRS only');
  } else if (!SERVED[kind].test(name)) {
    const setting = kind === 'certificate' ? 'SDS_DEFAULT_SVID_NAMES' : 'SDS_DEFAULT_BUNDLE_NAMES';
    scope.notCarriedOver(
      name,
      `the agent has no secret of this name, and Envoy waits for it, unless ${setting} lists it; or put ${kind === 'certificate' ? 'default' : 'ROOTCA'} here`,
    );
  }
}

/** The unix socket of the server, of either gRPC client or of REST; undefined when it is on no socket. */
function socketOf(source: EnvoyObject, scope: Scope): string | undefined {
  const api = dig(source, 'api_config_source');
  const uri = digText(api, 'grpc_services', 0, 'google_grpc', 'target_uri');
  if (uri?.startsWith('unix:')) return uri.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  const cluster = digText(api, 'grpc_services', 0, 'envoy_grpc', 'cluster_name') ?? digText(api, 'cluster_names', 0);
  return cluster === undefined ? undefined : scope.plan.socketClusters.get(cluster);
}
