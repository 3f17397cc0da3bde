import { AgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import { Redacted } from '../core/redacted.ts';
import type { Metadata } from '../core/rpc.ts';

// Envoy's file_based_metadata writes the header that its configuration names; the last one is Istio 1.1's spelling.
const HEADERS = ['authorization', 'istio_sds_credentials_header-bin', 'istio_sds_credentail_header-bin'] as const;

const LONGEST_TOKEN = 16 * 1024;
// RFC 7515, section 3.1. An empty signature is for the verifier to refuse: it knows why (`alg: none`).
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Whether a call carries anything where a token belongs. */
export function showsToken(metadata: Metadata): boolean {
  return HEADERS.some((header) => metadata.getAll(header).length > 0);
}

/**
 * The token that a call carries, in whichever of the three headers. White space around it and a `Bearer ` before
 * it are dropped; the same token given more than once is one token.
 *
 * @throws AgentError `token-missing`, `token-ambiguous` for different ones, or `token-malformed`
 */
export function tokenOf(metadata: Metadata): Token {
  const found = new Set<string>();
  for (const header of HEADERS) {
    for (const value of metadata.getAll(header)) {
      // A list of equal headers may arrive joined (RFC 9110, section 5.3); neither JWTs nor base64 have commas.
      for (const part of value.split(',')) {
        const text = withoutScheme(header.endsWith('-bin') ? decodeBinary(part.trim()) : part);
        if (text !== '') found.add(text);
      }
    }
  }
  const [token] = found;
  if (token === undefined) {
    throw new AgentError(
      'token-missing',
      `no token: send the service-account token in ${HEADERS[0]} or in ${HEADERS[1]}`,
    );
  }
  if (found.size > 1) throw new AgentError('token-ambiguous', `${found.size} different tokens: send one`);
  if (token.length > LONGEST_TOKEN) {
    throw new AgentError('token-malformed', `the token is longer than ${LONGEST_TOKEN} characters`);
  }
  if (!COMPACT_JWS.test(token)) {
    throw new AgentError(
      'token-malformed',
      'the token is not a JSON Web Token: three base64url parts with dots between',
    );
  }
  return new Redacted(token);
}

/**
 * The text of a `-bin` value, which gRPC sends in base64, often without padding. A value with a dot is no base64:
 * it is a token that an HTTP/1.1 client wrote as it is.
 */
function decodeBinary(value: string): string {
  if (value.includes('.')) return value;
  if (!BASE64.test(value)) throw new AgentError('token-malformed', 'the value of a -bin header is not base64');
  return Buffer.from(value, 'base64').toString('latin1');
}

function withoutScheme(text: string): string {
  return text.trim().replace(/^bearer(\s+|$)/i, '');
}
