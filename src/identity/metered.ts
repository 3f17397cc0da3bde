import { toAgentError } from '../core/agent-error.ts';
import type { TokenMeter } from '../core/meters.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';

/** Reports how each verification ended: `ok`, or the error's code. */
export function metered(verifier: TokenVerifier, meter: TokenMeter): TokenVerifier {
  return {
    name: verifier.name,
    async verify(token, signal) {
      try {
        const verified = await verifier.verify(token, signal);
        meter.verified(verifier.name, 'ok');
        return verified;
      } catch (thrown) {
        meter.verified(verifier.name, toAgentError(thrown).code);
        throw thrown;
      }
    },
  };
}
