import { AgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { TokenVerifier, VerifiedToken } from '../core/token-verifier.ts';
import { probeAll } from './probe-verifier.ts';

/** So long nobody waits for a verifier that has just failed. */
const LEFT_ALONE_MS = 10_000;
/** The verdict of a stand-in is looked at again soon: the other one knows more. */
const STAND_IN_GOOD_FOR_MS = 30_000;

/**
 * The verifier, and while it cannot tell, the one that stands in for it. What the verifier refuses is refused: a
 * signature may be right and the pod gone.
 *
 * The stand-in also sees each token that the verifier accepts, so that it has read its keys before they are needed.
 *
 * @param lifetime ends what the stand-in reads meanwhile
 */
export function stoodInFor(
  verifier: TokenVerifier,
  standIn: TokenVerifier,
  { clock, lifetime }: { readonly clock: Clock; readonly lifetime: AbortSignal },
): TokenVerifier {
  let leftAloneUntilMs = Number.NEGATIVE_INFINITY;

  async function standInFor(token: Token, signal: AbortSignal): Promise<VerifiedToken> {
    return { ...(await standIn.verify(token, signal)), goodForMs: STAND_IN_GOOD_FOR_MS };
  }

  return {
    name: `${verifier.name},${standIn.name}`,
    probe: (signal) => probeAll([verifier, standIn], signal),
    async verify(token, signal) {
      if (clock.monotonic() < leftAloneUntilMs) return await standInFor(token, signal);
      try {
        const verified = await verifier.verify(token, signal);
        standIn.verify(token, lifetime).catch(() => undefined);
        return verified;
      } catch (thrown) {
        if (!(thrown instanceof AgentError && thrown.code === 'token-verifier-unavailable')) throw thrown;
        leftAloneUntilMs = clock.monotonic() + LEFT_ALONE_MS;
        return await standInFor(token, signal);
      }
    },
  };
}
