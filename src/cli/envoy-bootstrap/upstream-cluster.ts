import { type Address, isHostName, toEnvoyAddress } from './address.ts';
import { type EnvoyObject, typed } from './document.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** A cluster of one address in plaintext. More fields may be given. */
export function toUpstreamCluster(name: string, address: Address, more: EnvoyObject = {}): EnvoyObject {
  return {
    name,
    type: isHostName(address) ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '5s',
    load_assignment: toEndpoints(name, address),
    ...more,
  };
}

/** The field of a cluster that says how HTTP is spoken to it. */
export function toHttpOptions(options: EnvoyObject): EnvoyObject {
  return { typed_extension_protocol_options: { [HTTP_OPTIONS]: typed(HTTP_OPTIONS, options) } };
}

/** The one endpoint of a cluster. */
export function toEndpoints(cluster: string, address: Address): EnvoyObject {
  const endpoint = { address: toEnvoyAddress(address) };
  return { cluster_name: cluster, endpoints: [{ lb_endpoints: [{ endpoint }] }] };
}
