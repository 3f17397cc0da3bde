import type { TokenVerifier } from '../core/token-verifier.ts';
import { createFileJwksSource } from './file-jwks-source.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { KeyRing, type KeyRingOptions } from './key-ring.ts';
import type { TokenExpectations } from './service-account-claims.ts';
import { createUrlJwksSource } from './url-jwks-source.ts';

export interface JwksVerifierOptions extends Omit<KeyRingOptions, 'source'> {
  /** Where the issuer publishes its keys. */
  readonly jwks: { readonly kind: 'file'; readonly path: string } | { readonly kind: 'url'; readonly url: string };
  readonly expected: TokenExpectations;
}

/** The verifier `jwks`: tokens of any issuer that publishes a JSON Web Key Set, such as a Kubernetes API server. */
export function createJwksVerifier({ jwks, expected, ...options }: JwksVerifierOptions): TokenVerifier {
  const source = jwks.kind === 'file' ? createFileJwksSource(jwks.path) : createUrlJwksSource(jwks.url, options);
  return new JwtVerifier('jwks', new KeyRing({ ...options, source }), expected, options.clock);
}
