import type { Clock } from '../core/clock.ts';

/** Keeps what happens again and again from being said each time. */
export class Seldom {
  readonly #clock: Clock;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * It has happened once more. Gives how often it has since it was said last, this time included, when it is to be
   * said now; undefined when it was said less than the interval ago.
   */
  again(intervalMs: number): number | undefined {
    this.#unsaid++;
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#saidAtMs < intervalMs) return undefined;
    const times = this.#unsaid;
    this.#saidAtMs = nowMs;
    this.#unsaid = 0;
    return times;
  }
}
