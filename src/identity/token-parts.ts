import { AgentError } from '../core/agent-error.ts';
import type { Claims } from './service-account-claims.ts';

type Members = Readonly<Record<string, unknown>>;

/**
 * The header of a JSON Web Token, which nobody has verified.
 *
 * @throws AgentError `token-malformed`
 */
export function parseTokenHeader(token: string): Members {
  return parseObject(Buffer.from(token.split('.')[0] ?? '', 'base64url'), 'header');
}

/**
 * The claims of a JSON Web Token, which nobody has verified: good for refusing it, and for nothing else.
 *
 * @throws AgentError `token-malformed`
 */
export function parseUnverifiedClaims(token: string): Claims {
  parseTokenHeader(token);
  return parseClaims(Buffer.from(token.split('.')[1] ?? '', 'base64url'));
}

/**
 * The claims in the payload of a JSON Web Token.
 *
 * @throws AgentError `token-malformed`
 */
export function parseClaims(payload: Uint8Array): Claims {
  return parseObject(payload, 'payload');
}

/** No cause: what a parser says about a token may quote it. */
function parseObject(bytes: Uint8Array, part: 'header' | 'payload'): Members {
  const value = tryParse(new TextDecoder().decode(bytes));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value));
  }
  throw new AgentError('token-malformed', `the token is malformed: its ${part} is not base64url of a JSON object`);
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
