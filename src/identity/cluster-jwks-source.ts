import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { TokenReviewer } from '../core/token-reviewer.ts';
import type { JwksSource } from './jwks-source.ts';

/** The key set of the cluster's own tokens, as its API server publishes it. */
export function createClusterJwksSource(reviewer: Pick<TokenReviewer, 'keySet'>): JwksSource {
  return {
    location: 'the API server of the cluster',
    async read(signal) {
      try {
        return await reviewer.keySet(signal);
      } catch (cause) {
        const why = `the key set of the cluster cannot be read: ${toAgentError(cause).message}`;
        throw new AgentError('token-verifier-unavailable', why, { cause });
      }
    },
  };
}
