import { toAgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';
import { type BackoffPolicy, backoffMs } from '../runtime/backoff.ts';
import { probeVerifier } from './probe-verifier.ts';

const RETRY: BackoffPolicy = { firstMs: 2000, longestMs: 30_000 };

/**
 * Probes a verifier until it can tell good tokens from bad ones. Resolves to true then, and to false when the signal
 * has aborted before.
 */
export async function untilVerifierWorks(
  verifier: TokenVerifier,
  { clock, log, random }: { readonly clock: Clock; readonly log: Log; readonly random: () => number },
  signal: AbortSignal,
): Promise<boolean> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await probeVerifier(verifier, signal);
      return true;
    } catch (thrown) {
      if (signal.aborted) return false;
      log.warn('tokens cannot be verified yet', { verifier: verifier.name, error: toAgentError(thrown) });
    }
    await clock.sleep(backoffMs(RETRY, failures, random()), signal);
  }
  return false;
}
