import { Metadata } from '@grpc/grpc-js';
import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import type { Token } from '../../core/caller.ts';

/** The legal names of metadata (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
const NAME = /^[0-9a-z_.-]+$/;
/** Visible ASCII and spaces: the same document, and what HTTP/2 carries unharmed. */
const VALUE = /^[ -~]*$/;
/** What gRPC and the caller's token need for themselves. */
const TAKEN = /^(authorization|clusterid|content-type|te|user-agent|grpc-.*)$/;

/**
 * What every call carries: `ClusterID` where the cluster is known, and each `CA_HEADER_<NAME>` under its lower-case
 * name with underscores as they are, as Istio's agent sends them. A name that ends in `-bin` is a binary header.
 *
 * @throws AgentError `settings-invalid` for a header that gRPC cannot carry; its value may be a secret and is not told
 */
export function createCallMetadata(clusterId: string | undefined, headers: ReadonlyMap<string, string>): Metadata {
  const metadata = new Metadata();
  if (clusterId !== undefined) {
    if (!VALUE.test(clusterId)) throw invalid(`CLUSTER_ID is ${quoteUntrusted(clusterId)}; allowed is visible ASCII`);
    metadata.set('ClusterID', clusterId);
  }
  for (const [name, value] of headers) {
    const setting = `CA_HEADER_${name.toUpperCase()}`;
    if (!NAME.test(name)) throw invalid(`${quoteUntrusted(setting)} names no header: use letters, digits, -, _ and .`);
    if (TAKEN.test(name)) throw invalid(`${setting} names a header that the agent sets itself: remove it`);
    const isBinary = name.endsWith('-bin');
    if (!isBinary && !VALUE.test(value)) throw invalid(`the value of ${setting} cannot be a header: use visible ASCII`);
    metadata.set(name, isBinary ? Buffer.from(value) : value);
  }
  return metadata;
}

/**
 * The metadata of one call: what every call carries, and the caller's own token.
 *
 * @throws AgentError `ca-token-rejected` for a token that no header can carry
 */
export function withToken(metadata: Metadata, token: Token): Metadata {
  const text = token.reveal();
  // Checked here, because the error of the library would show it.
  if (!VALUE.test(text)) throw new AgentError('ca-token-rejected', 'the token has characters that no header can carry');
  const own = metadata.clone();
  own.set('authorization', `Bearer ${text}`);
  return own;
}

function invalid(message: string): AgentError {
  return new AgentError('settings-invalid', message);
}
