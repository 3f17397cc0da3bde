import type { GrpcMethod, GrpcMethods, HttpRoute, HttpRoutes } from '../core/rpc.ts';
import { type Dialect, decodeSotwRequest, deltaDialect, stateOfTheWorld } from './dialect.ts';
import { fetchSecret } from './fetch-secret.ts';
import { secretTypeUrl } from './resource-type.ts';
import { parseRestRequest, toRestResponse } from './rest-json.ts';
import type { SdsContext, SdsService } from './sds-context.ts';
import { SdsStream } from './sds-stream.ts';
import type { StreamRegistry } from './stream-registry.ts';

const SECRETS_V3 = 'envoy.service.secret.v3.SecretDiscoveryService';
const SECRETS_V2 = 'envoy.service.discovery.v2.SecretDiscoveryService';
const AGGREGATED_V3 = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

/** The gRPC services whose health is that of the secret service. */
export const SDS_SERVICE_NAMES: readonly string[] = [SECRETS_V3, SECRETS_V2, AGGREGATED_V3];

/** Every gRPC method under which secrets are served, by path. */
export function sdsMethods(context: SdsContext, registry: StreamRegistry): GrpcMethods {
  const v3 = { api: 'v3', aggregated: false } as const;
  const v2 = { api: 'v2', aggregated: false } as const;
  const aggregated = { api: 'v3', aggregated: true } as const;
  const stream = (service: SdsService, dialect: Dialect): GrpcMethod => ({
    kind: 'stream',
    createFilter: dialect.createFilter,
    open(call) {
      const opened = new SdsStream(context, {
        service,
        dialect,
        call,
        noncePrefix: registry.nextNoncePrefix(),
        onClosed: (closed) => registry.remove(closed),
      });
      registry.add(opened);
      opened.authenticate();
      return opened;
    },
  });
  return new Map<string, GrpcMethod>([
    [`/${SECRETS_V3}/StreamSecrets`, stream(v3, stateOfTheWorld)],
    [`/${SECRETS_V3}/DeltaSecrets`, stream(v3, deltaDialect)],
    [`/${SECRETS_V3}/FetchSecrets`, fetchMethod(context, v3)],
    [`/${SECRETS_V2}/StreamSecrets`, stream(v2, stateOfTheWorld)],
    [`/${SECRETS_V2}/DeltaSecrets`, stream(v2, deltaDialect)],
    [`/${SECRETS_V2}/FetchSecrets`, fetchMethod(context, v2)],
    [`/${AGGREGATED_V3}/StreamAggregatedResources`, stream(aggregated, stateOfTheWorld)],
    [`/${AGGREGATED_V3}/DeltaAggregatedResources`, stream(aggregated, deltaDialect)],
  ]);
}

/** The HTTP/1.1 routes of Envoy's `api_type: REST`. */
export function sdsRoutes(context: SdsContext): HttpRoutes {
  return new Map([
    ['/v3/discovery:secrets', restRoute(context, { api: 'v3', aggregated: false })],
    ['/v2/discovery:secrets', restRoute(context, { api: 'v2', aggregated: false })],
  ]);
}

function fetchMethod(context: SdsContext, service: SdsService): GrpcMethod {
  const typeUrl = secretTypeUrl(service.api);
  return {
    kind: 'unary',
    async handle(call, receive) {
      const read = async () => decodeSotwRequest(await receive());
      const { name, secret } = await fetchSecret(context, service, call, read);
      context.meter.served(secret.kind);
      return stateOfTheWorld.encode({ typeUrl, nonce: '', secrets: new Map([[name, secret]]) });
    },
  };
}

function restRoute(context: SdsContext, service: SdsService): HttpRoute {
  return async (call, receive) => {
    const read = async () => parseRestRequest(await receive());
    const { name, secret, request } = await fetchSecret(context, service, call, read);
    // Envoy keeps what it has on 304 (api_type REST, http_subscription_impl.cc).
    if (request.versionInfo === secret.version) return { status: 304 };
    context.meter.served(secret.kind);
    const json = toRestResponse(secretTypeUrl(service.api), name, secret);
    return { status: 200, contentType: 'application/json', body: json };
  };
}
