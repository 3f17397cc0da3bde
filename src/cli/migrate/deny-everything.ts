import { type EnvoyObject, extension } from '../envoy-bootstrap/document.ts';

/** Takes the place of an HTTP filter that may have refused requests and is no more: refuses every one, with 403. */
export const DENY_EVERY_REQUEST: EnvoyObject = extension(
  'envoy.filters.http.rbac',
  'envoy.extensions.filters.http.rbac.v3.RBAC',
  { rules: { action: 'ALLOW', policies: {} } },
);

/** The same for a network or listener filter: closes every connection. */
export const DENY_EVERY_CONNECTION: EnvoyObject = extension(
  'envoy.filters.network.rbac',
  'envoy.extensions.filters.network.rbac.v3.RBAC',
  { stat_prefix: 'not_migrated', rules: { action: 'ALLOW', policies: {} } },
);

/** Ends a chain of network filters without a word. Envoy wants a last filter that passes nothing on. */
export const END_OF_CONNECTIONS: EnvoyObject = extension(
  'envoy.filters.network.direct_response',
  'envoy.extensions.filters.network.direct_response.v3.Config',
);

/** The same for HTTP filters; behind the one that refuses it never sees a request. */
export const END_OF_REQUESTS: EnvoyObject = extension(
  'envoy.filters.http.router',
  'envoy.extensions.filters.http.router.v3.Router',
);

/** What the finding about the missing filter says. */
export const DENIES = 'a filter that refuses everything stands in its place, until you put another one there';
