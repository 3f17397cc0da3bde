import { toAgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { TokenMeter } from '../core/meters.ts';
import type { TokenVerifier, VerifiedToken } from '../core/token-verifier.ts';
import { sha256Hex } from '../keys/digest.ts';
import { waitFor } from './wait-for.ts';

const CAPACITY = 10_000;

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

/**
 * Remembers accepted tokens by their SHA-256 digest until they expire, so that a thousand reconnecting streams
 * cost a digest each, and verifies a token once when several callers present it at the same time. Refusals are not
 * remembered. The meter is told `remembered` for each caller that was spared a verification.
 */
export function remembered(verifier: TokenVerifier, options: RememberedOptions): RememberingVerifier {
  const { clock, meter, lifetime, capacity = CAPACITY } = options;
  const accepted = new Map<string, VerifiedToken>();
  const inFlight = new Map<string, Promise<VerifiedToken>>();

  function find(digest: string): VerifiedToken | undefined {
    const known = accepted.get(digest);
    if (known === undefined) return undefined;
    if (known.expiresAtMs <= clock.now()) {
      accepted.delete(digest);
      return undefined;
    }
    meter.verified(verifier.name, 'remembered');
    return known;
  }

  async function verifyNow(digest: string, token: Token): Promise<VerifiedToken> {
    try {
      const verified = await verifier.verify(token, lifetime);
      accepted.set(digest, verified);
      if (accepted.size > capacity) makeRoom(accepted, Math.floor(capacity * 0.9), clock.now());
      return verified;
    } finally {
      inFlight.delete(digest);
    }
  }

  return {
    name: verifier.name,
    recall: (token) => find(sha256Hex(token.reveal())),
    async verify(token, signal) {
      const digest = sha256Hex(token.reveal());
      const known = find(digest);
      if (known !== undefined) return known;
      const running = inFlight.get(digest);
      if (running !== undefined) return await counted(waitFor(running, signal), meter, verifier.name);
      const started = verifyNow(digest, token);
      inFlight.set(digest, started);
      return await waitFor(started, signal);
    },
  };
}

/** Drops what has expired, then the oldest, down to `keep`: below the limit, so that not each new token costs a look. */
function makeRoom(accepted: Map<string, VerifiedToken>, keep: number, nowMs: number): void {
  for (const [digest, { expiresAtMs }] of accepted) if (expiresAtMs <= nowMs) accepted.delete(digest);
  for (const digest of accepted.keys()) {
    if (accepted.size <= keep) return;
    accepted.delete(digest);
  }
}

async function counted(joined: Promise<VerifiedToken>, meter: TokenMeter, name: string): Promise<VerifiedToken> {
  try {
    const verified = await joined;
    meter.verified(name, 'remembered');
    return verified;
  } catch (thrown) {
    meter.verified(name, toAgentError(thrown).code);
    throw thrown;
  }
}
