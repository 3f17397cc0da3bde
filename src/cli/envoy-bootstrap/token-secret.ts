import { type EnvoyObject, typed } from './document.ts';

/** The name under which Envoy's own client finds the token, among its static secrets or in the secret file. */
export const TOKEN_SECRET = 'sds_agent_token';

/** The token as a static secret: Envoy reads the file once, when it starts. */
export function toTokenSecret(tokenFile: string): EnvoyObject {
  return { name: TOKEN_SECRET, generic_secret: { secret: { filename: tokenFile } } };
}

/**
 * What `--token-secret-file` has to hold: a secret in a file of its own, which Envoy loads again, and the token
 * with it, whenever something changes in the token's directory.
 */
export function toTokenSecretFile(tokenFile: string): EnvoyObject {
  const secret = toTokenSecret(tokenFile);
  return { resources: [typed('envoy.extensions.transport_sockets.tls.v3.Secret', secret)] };
}
