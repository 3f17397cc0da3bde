import { JWSSignatureVerificationFailed } from 'jose/errors';
import { compactVerify } from 'jose/jws/compact/verify';
import { AgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { TokenVerifier, VerifiedToken } from '../core/token-verifier.ts';
import { isSignatureAlgorithm, type PublicKey, type TokenHeader } from './public-key.ts';
import { type Claims, type TokenExpectations, toVerifiedToken } from './service-account-claims.ts';
import { parseClaims, parseTokenHeader } from './token-parts.ts';

/** Finds the keys that may have signed a token. */
export interface KeyFinder {
  /**
   * Never empty.
   *
   * @throws AgentError `token-rejected` when no such key is known, `token-verifier-unavailable` when that is unclear
   */
  keysFor(header: TokenHeader, signal: AbortSignal): Promise<readonly PublicKey[]>;
}

/**
 * Verifies service-account tokens by the public keys of their issuer (RFC 7515, RFC 7519).
 *
 * No error has a cause: what a parser says about a token may quote it.
 */
export class JwtVerifier implements TokenVerifier {
  readonly name: string;
  readonly #keys: KeyFinder;
  readonly #expected: TokenExpectations;
  readonly #clock: Clock;

  constructor(name: string, keys: KeyFinder, expected: TokenExpectations, clock: Clock) {
    this.name = name;
    this.#keys = keys;
    this.#expected = expected;
    this.#clock = clock;
  }

  async verify(token: Token, signal: AbortSignal): Promise<VerifiedToken> {
    const text = token.reveal();
    const header = parseHeader(text);
    const keys = await this.#keys.keysFor(header, signal);
    const claims = await verifySignature(text, header, keys);
    return toVerifiedToken(claims, this.#expected, this.#clock.now());
  }
}

function parseHeader(text: string): TokenHeader {
  const { alg, kid } = parseTokenHeader(text);
  if (!isSignatureAlgorithm(alg)) {
    throw new AgentError('token-rejected', 'the token is not accepted: its algorithm is not an asymmetric one');
  }
  if (kid !== undefined && typeof kid !== 'string') {
    throw new AgentError('token-malformed', 'the token is malformed: its key id is no text');
  }
  return { alg, kid };
}

async function verifySignature(text: string, { alg }: TokenHeader, keys: readonly PublicKey[]): Promise<Claims> {
  let why = 'its signature is wrong';
  for (const key of keys) {
    try {
      const { payload } = await compactVerify(text, await key.import(alg), { algorithms: [alg] });
      return parseClaims(payload);
    } catch (thrown) {
      if (thrown instanceof AgentError) throw thrown;
      // A key that cannot be used, or a critical header member that nobody here understands.
      if (!(thrown instanceof JWSSignatureVerificationFailed)) why = 'its signature cannot be verified';
    }
  }
  throw new AgentError('token-rejected', `the token is not accepted: ${why}`);
}
