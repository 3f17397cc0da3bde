import { type Address, toEnvoyAddress } from './address.ts';
import { type EnvoyObject, extension } from './document.ts';

/** A listener that sends every HTTP request to one cluster; over TLS where a transport socket is given. */
export function toHttpListener(
  name: string,
  address: Address,
  cluster: string,
  transportSocket?: EnvoyObject,
): EnvoyObject {
  const filterChain = { filters: [toConnectionManager(name, cluster)] };
  return {
    name,
    address: toEnvoyAddress(address),
    filter_chains: [
      transportSocket === undefined ? filterChain : { ...filterChain, transport_socket: transportSocket },
    ],
  };
}

function toConnectionManager(name: string, cluster: string): EnvoyObject {
  const everything = { match: { prefix: '/' }, route: { cluster } };
  return extension(
    'envoy.filters.network.http_connection_manager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: name,
      route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [everything] }] },
      http_filters: [extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router')],
    },
  );
}
