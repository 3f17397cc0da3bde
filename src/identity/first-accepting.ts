import { AgentError, type ErrorCode } from '../core/agent-error.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';
import { probeAll } from './probe-verifier.ts';

/** Which of several verifiers' errors to tell, the most telling first: one may yet accept it; one knew it once. */
const TELLING: readonly ErrorCode[] = ['token-verifier-unavailable', 'token-expired', 'token-rejected'];

/** Accepts what one of the verifiers accepts, asked in order. With one verifier it is that verifier. */
export function firstAccepting(first: TokenVerifier, ...others: readonly TokenVerifier[]): TokenVerifier {
  if (others.length === 0) return first;
  const verifiers = [first, ...others];
  return {
    name: verifiers.map(({ name }) => name).join(','),
    probe: (signal) => probeAll(verifiers, signal),
    async verify(token, signal) {
      const errors: AgentError[] = [];
      for (const verifier of verifiers) {
        try {
          return await verifier.verify(token, signal);
        } catch (thrown) {
          // Anything but a verdict on the token is no reason to ask somebody else.
          if (!(thrown instanceof AgentError && thrown.code.startsWith('token-'))) throw thrown;
          errors.push(thrown);
        }
      }
      for (const code of TELLING) {
        const error = errors.find((candidate) => candidate.code === code);
        if (error !== undefined) throw error;
      }
      throw errors[0];
    },
  };
}
