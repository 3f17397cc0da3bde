import type { Identity } from '../core/caller.ts';
import type { LimitMeter } from '../core/meters.ts';
import { peerLimitExceeded } from '../core/peer-limit.ts';
import { Places } from '../runtime/places.ts';

/** Bounds how many streams and calls each identity has open, from however many pods. */
export class IdentityLimits {
  readonly #maxStreams: number;
  readonly #meter: LimitMeter;
  readonly #places: Places<string>;

  constructor(maxStreams: number, meter: LimitMeter) {
    this.#maxStreams = maxStreams;
    this.#meter = meter;
    this.#places = new Places(maxStreams);
  }

  /**
   * Counts one more, until it is disposed of.
   *
   * @throws AgentError `limit-exceeded`
   */
  enter({ key }: Identity): Disposable {
    const place = this.#places.take(key);
    if (place !== undefined) return place;
    this.#meter.refused('streams_per_identity');
    throw peerLimitExceeded('streams_per_identity', this.#maxStreams, 'end some that are open');
  }
}
