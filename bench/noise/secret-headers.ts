import type { OutgoingHttpHeaders } from 'node:http2';

export const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

/** The headers with which a stream of secrets is opened. */
export function secretHeaders(token: string): OutgoingHttpHeaders {
  const grpc = { 'content-type': 'application/grpc', te: 'trailers' };
  return { ':method': 'POST', ':path': STREAM_SECRETS, ...grpc, authorization: `Bearer ${token}` };
}
