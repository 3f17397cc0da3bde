import { AgentError, type ErrorCode, toAgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { TokenMeter } from '../core/meters.ts';
import type { TokenVerifier, VerifiedToken } from '../core/token-verifier.ts';
import { sha256Hex } from '../keys/digest.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import { waitFor } from '../runtime/wait-for.ts';

const CAPACITY = 10_000;
const REFUSALS_CAPACITY = 1000;
/** Long enough for the streams of one Envoy, short enough for somebody who has just repaired something. */
const REFUSED_FOR_MS = 5000;
/** While a verdict cannot be looked at again, it is tried so often. */
const RETRY_MS = 10_000;

/** A verifier that knows some tokens already. */
export interface RememberingVerifier extends TokenVerifier {
  /** What a token that has been verified before, and has not expired, was found to be. At once, without I/O. */
  recall(token: Token): VerifiedToken | undefined;
}

export interface RememberedOptions {
  readonly clock: Clock;
  readonly meter: TokenMeter;
  /** Ends verifications that are under way: each may have several callers, so no single caller ends it. */
  readonly lifetime: AbortSignal;
  /** How many tokens are remembered, at most. */
  readonly capacity?: number;
}

interface Accepted {
  readonly verified: VerifiedToken;
  /** By the monotonic clock: then the verifier has to be asked again. */
  readonly lookAgainAtMs: number;
  /** The verifier could not tell when it was asked again. */
  readonly isOverdue: boolean;
}

/** Not the error itself: with its stack and its cause it takes ten times as much. */
interface Refused {
  readonly code: ErrorCode;
  readonly message: string;
  /** By the monotonic clock. */
  readonly untilMs: number;
}

/**
 * Remembers tokens by their SHA-256 digest, so that a thousand reconnecting streams cost a digest each, and verifies a
 * token once when several callers present it at the same time.
 *
 * An accepted one is remembered until it expires, or for as long as its verdict is good. A verdict that is at its end
 * while the verifier cannot tell goes on being used, until the token expires or the verifier can. A refused one is
 * remembered for a few seconds. The meter is told `remembered` for each caller that was spared a verification.
 */
export function remembered(verifier: TokenVerifier, options: RememberedOptions): RememberingVerifier {
  const { clock, meter, lifetime, capacity = CAPACITY } = options;
  const isExpired = ({ verified }: Accepted): boolean => verified.expiresAtMs <= clock.now();
  const accepted = new BoundedMap<Accepted>(capacity, isExpired);
  const refused = new BoundedMap<Refused>(REFUSALS_CAPACITY, ({ untilMs }) => untilMs <= clock.monotonic());
  const inFlight = new Map<string, Promise<VerifiedToken>>();

  function find(digest: string, token: Token): VerifiedToken | undefined {
    const known = accepted.get(digest);
    if (known === undefined) return undefined;
    if (isExpired(known)) {
      accepted.delete(digest);
      return undefined;
    }
    if (known.lookAgainAtMs <= clock.monotonic()) {
      if (!known.isOverdue) return undefined;
      // Nobody waits for a verifier that may be out of reach for hours.
      start(digest, token).catch(() => undefined);
    }
    meter.verified(verifier.name, 'remembered');
    return known.verified;
  }

  /** Joins the verification that is under way, or starts one. */
  function start(digest: string, token: Token): Promise<VerifiedToken> {
    const running = inFlight.get(digest);
    if (running !== undefined) return running;
    const started = verifyNow(digest, token).finally(() => inFlight.delete(digest));
    inFlight.set(digest, started);
    return started;
  }

  async function verifyNow(digest: string, token: Token): Promise<VerifiedToken> {
    try {
      const verified = await verifier.verify(token, lifetime);
      const { goodForMs = Number.POSITIVE_INFINITY } = verified;
      accepted.set(digest, { verified, lookAgainAtMs: clock.monotonic() + goodForMs, isOverdue: false });
      return verified;
    } catch (thrown) {
      const error = toAgentError(thrown);
      const known = accepted.get(digest);
      if (error.code === 'token-verifier-unavailable' && known !== undefined && !isExpired(known)) {
        const lookAgainAtMs = clock.monotonic() + Math.max(RETRY_MS, error.retryAfterMs ?? 0);
        accepted.set(digest, { ...known, lookAgainAtMs, isOverdue: true });
        return known.verified;
      }
      if (isVerdict(error)) {
        accepted.delete(digest);
        const { code, message } = error;
        refused.set(digest, { code, message, untilMs: clock.monotonic() + REFUSED_FOR_MS });
      }
      throw thrown;
    }
  }

  /** Tells what was found out for somebody else. */
  async function join(running: Promise<VerifiedToken>): Promise<VerifiedToken> {
    try {
      const verified = await running;
      meter.verified(verifier.name, 'remembered');
      return verified;
    } catch (thrown) {
      meter.verified(verifier.name, toAgentError(thrown).code);
      throw thrown;
    }
  }

  return {
    name: verifier.name,
    recall: (token) => find(sha256Hex(token.reveal()), token),
    async verify(token, signal) {
      const digest = sha256Hex(token.reveal());
      const known = find(digest, token);
      if (known !== undefined) return known;
      const refusal = refused.get(digest);
      if (refusal !== undefined && clock.monotonic() < refusal.untilMs) {
        meter.verified(verifier.name, refusal.code);
        throw new AgentError(refusal.code, refusal.message);
      }
      const running = inFlight.get(digest);
      if (running !== undefined) return await join(waitFor(running, signal));
      return await waitFor(start(digest, token), signal);
    },
  };
}

/** Whether it says something of the token, and not of who was asked. */
function isVerdict({ code }: AgentError): boolean {
  return code.startsWith('token-') && code !== 'token-verifier-unavailable';
}
