import type { AgentAccess } from './bootstrap-options.ts';
import { type EnvoyObject, extension } from './document.ts';
import { TOKEN_SECRET } from './token-secret.ts';
import { toEndpoints, toHttpOptions } from './upstream-cluster.ts';

/** The cluster through which Envoy's own HTTP client reaches the agent. */
export const AGENT_CLUSTER = 'sds_agent';

/** More than any Envoy has secrets: each is a stream of its own, and the defaults stop at 1,024. */
const PLENTY = 100_000;

/** The agent's unix socket as a cluster; needed by the modes in which Envoy's own client asks. */
export function toAgentCluster(access: AgentAccess): EnvoyObject {
  return {
    name: AGENT_CLUSTER,
    type: 'STATIC',
    connect_timeout: '1s',
    circuit_breakers: {
      thresholds: [
        { max_connections: PLENTY, max_pending_requests: PLENTY, max_requests: PLENTY, max_retries: PLENTY },
      ],
    },
    ...toHttpOptions({
      explicit_http_config: toHttpConfig(access),
      ...(access.withoutToken ? {} : { http_filters: toFilters(access) }),
    }),
    load_assignment: toEndpoints(AGENT_CLUSTER, { kind: 'unix', path: access.socketPath }),
  };
}

function toHttpConfig(access: AgentAccess): EnvoyObject {
  if (access.mode === 'rest') return { http_protocol_options: {} };
  return {
    http2_protocol_options: {
      max_concurrent_streams: PLENTY,
      // Notices an agent that is stopped but not dead.
      connection_keepalive: { interval: '30s', timeout: '5s' },
    },
  };
}

/**
 * Puts the token into each request to the agent. `initial_metadata` could too, but then the token stands in the
 * bootstrap and in `/config_dump`, and cannot be replaced; and REST has no such thing.
 */
function toFilters(access: AgentAccess): readonly EnvoyObject[] {
  const source = access.tokenSecretFile;
  const credential = extension(
    'envoy.http.injected_credentials.generic',
    'envoy.extensions.http.injected_credentials.generic.v3.Generic',
    {
      header: 'authorization',
      credential:
        source === undefined
          ? { name: TOKEN_SECRET }
          : { name: TOKEN_SECRET, sds_config: toFileSource(source, access.tokenFile) },
    },
  );
  return [
    extension(
      'envoy.filters.http.credential_injector',
      'envoy.extensions.filters.http.credential_injector.v3.CredentialInjector',
      { overwrite: true, credential },
    ),
    extension('envoy.filters.http.upstream_codec', 'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec'),
  ];
}

/** Kubernetes replaces a projected token by moving a symbolic link in the token's directory: that is watched. */
function toFileSource(path: string, tokenFile: string): EnvoyObject {
  const watched = tokenFile.replace(/\/[^/]*$/, '') || '/';
  return { path_config_source: { path, watched_directory: { path: watched } } };
}
