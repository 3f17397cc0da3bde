import { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';
import { firstAccepting } from './first-accepting.ts';
import type { JwksVerifierOptions } from './jwks-verifier.ts';

type VerifierName = TokenVerifierSettings['verifiers'][number];

/** The part of the settings that says who verifies tokens. */
export interface TokenVerifierSettings {
  /** As in `TOKEN_VERIFIER`; one has to accept. */
  readonly verifiers: readonly ('kubernetes' | 'jwks' | 'embedded')[];
  readonly trustDomain: string;
  readonly audiences: readonly string[];
  readonly issuer: string | undefined;
  readonly jwks: JwksVerifierOptions['jwks'] | undefined;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends what the verifiers still read. */
  readonly lifetime: AbortSignal;
}

/**
 * Makes the verifier that the settings name. Only those that are named are imported.
 *
 * @throws AgentError `settings-invalid` for one that this build lacks, `token-verifier-unavailable` for broken state
 */
export async function loadTokenVerifier(settings: TokenVerifierSettings): Promise<TokenVerifier> {
  // All of them before any is loaded: the embedded one makes a key on its first start.
  const names = settings.verifiers.map(requireInBuild);
  const [first, ...others] = await Promise.all(names.map((name) => loadOne(name, settings)));
  if (first === undefined) {
    throw new AgentError(
      'settings-invalid',
      'TOKEN_VERIFIER names nobody: without one every caller would be a stranger',
    );
  }
  return firstAccepting(first, ...others);
}

function requireInBuild(name: VerifierName): Exclude<VerifierName, 'kubernetes'> {
  if (name !== 'kubernetes') return name;
  throw new AgentError(
    'settings-invalid',
    'TOKEN_VERIFIER kubernetes is not in this build yet: use jwks with the key set of the cluster',
  );
}

async function loadOne(
  name: Exclude<VerifierName, 'kubernetes'>,
  { jwks, issuer, audiences, trustDomain, stateDir, clock, log, lifetime }: TokenVerifierSettings,
): Promise<TokenVerifier> {
  switch (name) {
    case 'embedded': {
      const { loadDevelopmentIssuer } = await import('./development-issuer.ts');
      return (await loadDevelopmentIssuer({ stateDir, trustDomain, clock })).verifier(audiences);
    }
    case 'jwks': {
      if (jwks === undefined) throw new AgentError('settings-invalid', 'TOKEN_JWKS is needed for TOKEN_VERIFIER jwks');
      const { createJwksVerifier } = await import('./jwks-verifier.ts');
      return createJwksVerifier({ jwks, expected: { trustDomain, audiences, issuer }, clock, log, lifetime });
    }
  }
}
