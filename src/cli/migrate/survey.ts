import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { TOKEN_SECRET } from '../envoy-bootstrap/token-secret.ts';
import { isList, isObject } from './scope.ts';
import { dig, digText, walk } from './walk.ts';

/** What a configuration says about its workload, in many places, that has to be known before the first is changed. */
export interface Survey {
  /** Files with the token that was shown to an SDS server. */
  readonly tokenFiles: ReadonlySet<string>;
  /** Whether any secret comes from an SDS server. */
  readonly usesSds: boolean;
  /** Clusters that secrets came from. */
  readonly sdsClusters: ReadonlySet<string>;
  /** TLS contexts with certificate and roots from files, which is mutual TLS. */
  readonly mutualTls: readonly MutualTlsFiles[];
  /** Clusters whose only endpoint is a unix socket, with its path. */
  readonly socketClusters: ReadonlyMap<string, string>;
}

/** The files of one TLS context. */
export interface MutualTlsFiles {
  /** With the certificate chains, one or more. */
  readonly certificates: readonly string[];
  /** With the roots. */
  readonly ca: string;
}

/** Reads a configuration of any version; never complains. */
export function toSurvey(configuration: EnvoyObject): Survey {
  const tokenFiles = new Set<string>();
  let usesSds = false;
  const sdsClusters = new Set<string>();
  const mutualTls: MutualTlsFiles[] = [];
  const socketClusters = new Map<string, string>();
  walk(configuration, (object) => {
    usesSds ||= dig(object, 'sds_config') !== undefined;
    addSdsServers(tokenFiles, sdsClusters, object);
    addTokenSecret(tokenFiles, object);
    mutualTls.push(...toMutualTls(dig(object, 'common_tls_context')));
    const path = socketOf(object);
    const name = digText(object, 'name');
    if (name !== undefined && path !== undefined) socketClusters.set(name, path);
  });
  return { tokenFiles, usesSds, sdsClusters, mutualTls, socketClusters };
}

function addSdsServers(tokenFiles: Set<string>, clusters: Set<string>, object: EnvoyObject): void {
  const api = dig(object, 'sds_config', 'api_config_source');
  const names = dig(api, 'cluster_names');
  for (const name of isList(names) ? names : []) if (typeof name === 'string') clusters.add(name);
  for (const service of toList(dig(api, 'grpc_services'))) {
    const cluster = digText(service, 'envoy_grpc', 'cluster_name');
    if (cluster !== undefined) clusters.add(cluster);
    for (const credential of toList(dig(service, 'google_grpc', 'call_credentials'))) {
      const plugin = dig(credential, 'from_plugin');
      const config = dig(plugin, 'typed_config') ?? dig(plugin, 'config');
      const file = digText(config, 'secret_data', 'filename') ?? digText(config, 'value', 'secret_data', 'filename');
      if (file !== undefined) tokenFiles.add(file);
    }
  }
}

/** Where `envoy-config` puts the token for Envoy's own client. */
function addTokenSecret(files: Set<string>, object: EnvoyObject): void {
  const file = digText(object, 'generic_secret', 'secret', 'filename');
  if (dig(object, 'name') === TOKEN_SECRET && file !== undefined) files.add(file);
}

function toMutualTls(tls: EnvoyValue | undefined): readonly MutualTlsFiles[] {
  const certificates = toList(dig(tls, 'tls_certificates'))
    .map((certificate) => digText(certificate, 'certificate_chain', 'filename'))
    .filter((file) => file !== undefined);
  const ca = digText(tls, 'validation_context', 'trusted_ca', 'filename');
  return certificates.length === 0 || ca === undefined ? [] : [{ certificates, ca }];
}

function socketOf(cluster: EnvoyObject): string | undefined {
  const hosts = toList(dig(cluster, 'hosts'));
  const endpoints = toList(dig(cluster, 'load_assignment', 'endpoints')).flatMap((locality) =>
    toList(dig(locality, 'lb_endpoints')).map((endpoint) => dig(endpoint, 'endpoint', 'address')),
  );
  const [address, ...more] = [...hosts, ...endpoints];
  return more.length > 0 ? undefined : digText(address, 'pipe', 'path');
}

function toList(value: EnvoyValue | undefined): readonly EnvoyValue[] {
  if (isList(value)) return value;
  return isObject(value) ? [value] : [];
}
