import { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TokenReviewer } from '../core/token-reviewer.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';
import { firstAccepting } from './first-accepting.ts';
import type { JwksVerifierOptions } from './jwks-verifier.ts';
import { stoodInFor } from './stood-in-for.ts';

type VerifierName = TokenVerifierSettings['verifiers'][number];

/** The part of the settings that says who verifies tokens. */
export interface TokenVerifierSettings {
  /** As in `TOKEN_VERIFIER`; one has to accept, but `jwks` behind `kubernetes` only stands in for it. */
  readonly verifiers: readonly ('kubernetes' | 'jwks' | 'embedded')[];
  readonly trustDomain: string;
  readonly audiences: readonly string[];
  readonly issuer: string | undefined;
  /** Undefined: the key set of the cluster. */
  readonly jwks: Exclude<JwksVerifierOptions['jwks'], { kind: 'source' }> | undefined;
  /** Gives what asks the API server; undefined where there is none. */
  readonly tokenReviewer: (() => Promise<TokenReviewer>) | undefined;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends what the verifiers still read. */
  readonly lifetime: AbortSignal;
}

/**
 * Makes the verifier that the settings name. Only those that are named are imported.
 *
 * @throws AgentError `settings-invalid` for one that lacks a setting, `token-verifier-unavailable` for broken state
 */
export async function loadTokenVerifier(settings: TokenVerifierSettings): Promise<TokenVerifier> {
  const loaded = await Promise.all(settings.verifiers.map((name) => loadOne(name, settings)));
  const [first, ...others] = withStandIn(loaded, settings);
  if (first === undefined) {
    throw new AgentError(
      'settings-invalid',
      'TOKEN_VERIFIER names nobody: without one every caller would be a stranger',
    );
  }
  return firstAccepting(first, ...others);
}

/** The keys of a cluster cannot tell that a pod is gone: behind its API server they count only while that is away. */
function withStandIn(verifiers: readonly TokenVerifier[], settings: TokenVerifierSettings): readonly TokenVerifier[] {
  const reviewing = verifiers.findIndex(({ name }) => name === 'kubernetes');
  const standIn = verifiers.slice(reviewing).find(({ name }) => name === 'jwks');
  if (reviewing === -1 || standIn === undefined) return verifiers;
  return verifiers
    .filter((verifier) => verifier !== standIn)
    .map((verifier) => (verifier.name === 'kubernetes' ? stoodInFor(verifier, standIn, settings) : verifier));
}

async function loadOne(name: VerifierName, settings: TokenVerifierSettings): Promise<TokenVerifier> {
  const { jwks, issuer, audiences, trustDomain, stateDir, tokenReviewer, clock, log, lifetime } = settings;
  switch (name) {
    case 'kubernetes': {
      if (tokenReviewer === undefined) {
        throw new AgentError('settings-invalid', 'KUBERNETES_API_SERVER is needed for TOKEN_VERIFIER kubernetes');
      }
      const { TokenReviewVerifier } = await import('./token-review-verifier.ts');
      return new TokenReviewVerifier({ reviewer: await tokenReviewer(), trustDomain, audiences, clock });
    }
    case 'embedded': {
      const { loadDevelopmentIssuer } = await import('./development-issuer.ts');
      return (await loadDevelopmentIssuer({ stateDir, trustDomain, clock })).verifier(audiences);
    }
    case 'jwks': {
      const { createJwksVerifier } = await import('./jwks-verifier.ts');
      const expected = { trustDomain, audiences, issuer };
      return createJwksVerifier({ jwks: jwks ?? (await clusterKeys(settings)), expected, clock, log, lifetime });
    }
  }
}

async function clusterKeys({ tokenReviewer }: TokenVerifierSettings): Promise<JwksVerifierOptions['jwks']> {
  if (tokenReviewer === undefined) {
    throw new AgentError('settings-invalid', 'TOKEN_JWKS is needed for TOKEN_VERIFIER jwks');
  }
  const { createClusterJwksSource } = await import('./cluster-jwks-source.ts');
  return { kind: 'source', source: createClusterJwksSource(await tokenReviewer()) };
}
