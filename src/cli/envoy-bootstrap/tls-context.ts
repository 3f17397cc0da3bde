import type { BootstrapOptions } from './bootstrap-options.ts';
import { type EnvoyObject, type EnvoyValue, extension } from './document.ts';

const TLS = 'envoy.extensions.transport_sockets.tls.v3';

/** The server side: asks for a client certificate and refuses who has none. */
export function toDownstreamTls(options: BootstrapOptions, sdsSource: EnvoyObject): EnvoyObject {
  return extension('envoy.transport_sockets.tls', `${TLS}.DownstreamTlsContext`, {
    require_client_certificate: true,
    common_tls_context: toCommonTls(options, options.certificateNames, sdsSource),
  });
}

/** The client side. It presents one certificate: Envoy accepts no second one there. */
export function toUpstreamTls(options: BootstrapOptions, sdsSource: EnvoyObject): EnvoyObject {
  return extension('envoy.transport_sockets.tls', `${TLS}.UpstreamTlsContext`, {
    common_tls_context: toCommonTls(options, [options.certificateNames[0]], sdsSource),
  });
}

/**
 * Certificates and bundle come from the agent, who is accepted stays in this file: Envoy merges what the agent
 * sends into the default, so a matcher that came over the wire could only widen it.
 */
function toCommonTls(options: BootstrapOptions, names: readonly string[], sdsSource: EnvoyObject): EnvoyObject {
  const fromAgent = (name: string): EnvoyObject => ({ name, sds_config: sdsSource });
  return {
    tls_certificate_sds_secret_configs: names.map(fromAgent),
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: toPeerMatchers(options) },
      validation_context_sds_secret_config: fromAgent(options.bundleName),
    },
  };
}

function toPeerMatchers({ peers }: BootstrapOptions): readonly EnvoyObject[] {
  const byUri = (matcher: Record<string, EnvoyValue>): EnvoyObject => ({ san_type: 'URI', matcher });
  if (peers.kind === 'exact') return peers.spiffeIds.map((exact) => byUri({ exact }));
  // With the slash, so that `cluster.local` does not match `cluster.local.evil.example`.
  return [byUri({ prefix: `spiffe://${peers.trustDomain}/` })];
}
