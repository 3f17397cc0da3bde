import { AGENT_CLUSTER } from './agent-cluster.ts';
import type { AgentAccess } from './bootstrap-options.ts';
import { type EnvoyObject, typed } from './document.ts';

/**
 * The `sds_config` of every secret: where it comes from and how.
 *
 * `initial_fetch_timeout: 0s` is forever: after any other time Envoy opens the listener without a certificate and
 * calls itself ready, while it refuses every connection. So it stays in warming, `/ready` says 503, and
 * `/init_dump` names the secret that is missing.
 */
export function toSdsSource(access: AgentAccess): EnvoyObject {
  const common = { resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  if (access.mode === 'ads') return { ...common, ads: {} };
  return { ...common, api_config_source: toApiSource(access) };
}

/** How the stream, or the poll, to the agent is made; for the `ads` mode this is the `ads_config`. */
export function toApiSource(access: AgentAccess): EnvoyObject {
  if (access.mode === 'rest') {
    return {
      api_type: 'REST',
      transport_api_version: 'V3',
      cluster_names: [AGENT_CLUSTER],
      // So late is a rotation noticed, and so late is the first answer when Envoy asked before it knew the cluster.
      // Every poll of every secret carries the whole node, some 77 KB: not less.
      refresh_delay: '2s',
      request_timeout: '5s',
    };
  }
  return {
    api_type: access.mode === 'delta' ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    // Otherwise each acknowledgement carries the whole node, 61 KB instead of 90 bytes.
    set_node_on_first_message_only: true,
    grpc_services: [access.grpcClient === 'envoy-grpc' ? ENVOY_CLIENT : toGoogleClient(access)],
  };
}

/** An agent that was away is found within seconds; the default, and Google's client always, is half a minute. */
const RETRY = { retry_policy: { retry_back_off: { base_interval: '0.5s', max_interval: '5s' } } };

const ENVOY_CLIENT: EnvoyObject = {
  envoy_grpc: { cluster_name: AGENT_CLUSTER, authority: 'sds-node-agent', ...RETRY },
};

/** Shows what is in a file to the server. */
const TOKEN_PLUGIN = 'envoy.grpc_credentials.file_based_metadata';

/** Google's client reads the token file, where there is one, anew for each stream: a token may be replaced at any time. */
function toGoogleClient(access: AgentAccess): EnvoyObject {
  return {
    google_grpc: {
      target_uri: `unix:${access.socketPath}`,
      stat_prefix: 'sdsstat',
      ...(access.withoutToken ? {} : { credentials_factory_name: TOKEN_PLUGIN }),
      // Call credentials are sent over secure channels only; "local" vouches for a unix socket.
      channel_credentials: { local_credentials: {} },
      ...(access.withoutToken ? {} : { call_credentials: [{ from_plugin: toTokenPlugin(access.tokenFile) }] }),
      channel_args: {
        args: {
          'grpc.initial_reconnect_backoff_ms': { int_value: 500 },
          // Its own limit is two minutes.
          'grpc.max_reconnect_backoff_ms': { int_value: 5000 },
        },
      },
    },
  };
}

function toTokenPlugin(tokenFile: string): EnvoyObject {
  return {
    name: TOKEN_PLUGIN,
    typed_config: typed('envoy.config.grpc_credential.v3.FileBasedMetadataConfig', {
      secret_data: { filename: tokenFile },
      header_key: 'istio_sds_credentials_header-bin',
    }),
  };
}
