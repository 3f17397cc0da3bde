import type { Identity } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { TokenBuckets } from '../runtime/token-buckets.ts';

/** One identity has so many lines at once, */
const LINES = 10;
/** and one more every ten seconds. */
const LINES_PER_SECOND = 0.1;

export interface Rejection {
  /** What the Envoy calls itself; untrusted. */
  readonly node: string;
  readonly pid: number | undefined;
  /** In the Envoy's words; untrusted. */
  readonly reason: string;
}

/**
 * Tells the operator that an Envoy has rejected what it was sent, without letting it fill the log: it can open as many
 * streams as it likes and reject on each.
 */
export class RejectionLog {
  readonly #log: Log;
  readonly #lines: TokenBuckets<string>;
  #untold = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#lines = new TokenBuckets({ perSecond: LINES_PER_SECOND, burst: LINES, clock });
  }

  rejected({ key, spiffeId }: Identity, { node, pid, reason }: Rejection): void {
    if (!this.#lines.take(key)) {
      this.#untold++;
      return;
    }
    // Not quoted: the log escapes and cuts its fields itself.
    this.#log.warn('envoy rejected a secret; it is held back until it changes', {
      ...{ spiffeId, node, pid, reason },
      ...(this.#untold > 0 && { alsoRejected: this.#untold }),
    });
    this.#untold = 0;
  }
}
