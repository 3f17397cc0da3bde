import { AgentError } from '../core/agent-error.ts';
import { PublicKey, type TokenHeader } from './public-key.ts';

/** The public keys of an issuer at one time: a JSON Web Key Set (RFC 7517, section 5). */
export class KeySet {
  readonly #keys: readonly PublicKey[];

  constructor(keys: readonly PublicKey[]) {
    this.#keys = keys;
  }

  /** The keys that may have signed a token with this header. */
  fitting(header: TokenHeader): readonly PublicKey[] {
    return this.#keys.filter((key) => key.fits(header));
  }
}

/**
 * Reads a key set. Members that are no keys, and keys of kinds that are not used here, are passed over, as
 * RFC 7517 asks for.
 *
 * @throws AgentError `token-verifier-unavailable` when it is no key set
 */
export function parseKeySet(text: string): KeySet {
  const keys: unknown = Reflect.get(parseObject(text), 'keys');
  if (!Array.isArray(keys)) throw notAKeySet('it has no list named keys');
  return new KeySet(keys.filter(isJwk).map((jwk) => new PublicKey(jwk)));
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    throw notAKeySet('it is not JSON');
  }
  throw notAKeySet('it is no JSON object');
}

function isJwk(value: unknown): value is { kty: string } {
  return typeof value === 'object' && value !== null && 'kty' in value && typeof value.kty === 'string';
}

function notAKeySet(why: string): AgentError {
  return new AgentError('token-verifier-unavailable', `what was read is not a JSON Web Key Set: ${why}`);
}
