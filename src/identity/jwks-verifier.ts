import type { TokenVerifier } from '../core/token-verifier.ts';
import { createFileJwksSource } from './file-jwks-source.ts';
import type { JwksSource } from './jwks-source.ts';
import { JwtVerifier } from './jwt-verifier.ts';
import { KeyRing, type KeyRingOptions } from './key-ring.ts';
import type { TokenExpectations } from './service-account-claims.ts';
import { createUrlJwksSource } from './url-jwks-source.ts';

export interface JwksVerifierOptions extends Omit<KeyRingOptions, 'source'> {
  /** Where the issuer publishes its keys. */
  readonly jwks:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'source'; readonly source: JwksSource };
  readonly expected: TokenExpectations;
}

/** The verifier `jwks`: tokens of any issuer that publishes a JSON Web Key Set, such as a Kubernetes API server. */
export function createJwksVerifier({ jwks, expected, ...options }: JwksVerifierOptions): TokenVerifier {
  return new JwtVerifier('jwks', new KeyRing({ ...options, source: toSource(jwks, options) }), expected, options.clock);
}

function toSource(jwks: JwksVerifierOptions['jwks'], options: Omit<KeyRingOptions, 'source'>): JwksSource {
  switch (jwks.kind) {
    case 'file':
      return createFileJwksSource(jwks.path);
    case 'url':
      return createUrlJwksSource(jwks.url, options);
    case 'source':
      return jwks.source;
  }
}
