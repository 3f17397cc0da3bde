import { type Address, isHostName, toEnvoyAddress } from './address.ts';
import type { EnvoyObject } from './document.ts';

/** A cluster of one address; over TLS where a transport socket is given, else in plaintext. */
export function toUpstreamCluster(name: string, address: Address, transportSocket?: EnvoyObject): EnvoyObject {
  return {
    name,
    type: isHostName(address) ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '2s',
    load_assignment: toEndpoints(name, address),
    ...(transportSocket === undefined ? {} : { transport_socket: transportSocket }),
  };
}

/** The one endpoint of a cluster. */
export function toEndpoints(cluster: string, address: Address): EnvoyObject {
  const endpoint = { address: toEnvoyAddress(address) };
  return { cluster_name: cluster, endpoints: [{ lb_endpoints: [{ endpoint }] }] };
}
