import { AgentError, quoteUntrusted } from '../core/agent-error.ts';

/** The two versions of Envoy's API. The messages agree, the type URLs and some fields do not. */
export type ApiVersion = 'v2' | 'v3';

const SECRET_TYPE_URLS: Readonly<Record<ApiVersion, string>> = {
  v2: 'type.googleapis.com/envoy.api.v2.auth.Secret',
  v3: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
};

/** The type URL of Envoy's Secret in this version of the API. */
export function secretTypeUrl(api: ApiVersion): string {
  return SECRET_TYPE_URLS[api];
}

/**
 * Refuses a request for anything but this version's Secret. On a secret service the type may be left out; an
 * aggregated stream carries many types, so there it may not.
 *
 * @throws AgentError `request-invalid`
 */
export function requireSecretType(typeUrl: string, api: ApiVersion, aggregated: boolean): void {
  const expected = secretTypeUrl(api);
  if (typeUrl === expected || (typeUrl === '' && !aggregated)) return;
  throw new AgentError('request-invalid', `type_url ${quoteUntrusted(typeUrl)} is not served here, only ${expected}`);
}
