import type { Clock } from '../../core/clock.ts';

/** What a plug-in says beyond that is dropped. */
const MOST_LINES_PER_SECOND = 100;

/** Lets so many lines through in each second, so that nobody drowns in them. */
export class LineLimit {
  readonly #clock: Clock;
  #second = 0;
  #lines = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether there is room for one more now. */
  takes(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1000);
    this.#lines = second === this.#second ? this.#lines + 1 : 1;
    this.#second = second;
    return this.#lines <= MOST_LINES_PER_SECOND;
  }
}
