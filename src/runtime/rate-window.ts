import type { Clock } from '../core/clock.ts';

const WINDOW_MS = 1000;

/**
 * Lets at most so many things begin within any second, by the monotonic clock. It remembers when the last ones
 * began, where a token bucket of the same rate would let twice as many begin in its first second.
 */
export class RateWindow {
  readonly #limit: number;
  readonly #clock: Clock;
  /** A ring of the newest beginnings, as long as the limit at most. */
  readonly #beganAtMs: number[] = [];
  #oldest = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** How long the next one has to wait; 0: it may begin now. */
  get waitMs(): number {
    const nowMs = this.#clock.monotonic();
    const oldestMs = this.#beganAtMs.length < this.#limit ? undefined : this.#beganAtMs[this.#oldest];
    const freeAtMs = oldestMs === undefined ? nowMs : oldestMs + WINDOW_MS;
    return Math.max(0, freeAtMs - nowMs, this.#pausedUntilMs - nowMs);
  }

  /** One begins now. */
  begin(): void {
    this.#beganAtMs[this.#oldest] = this.#clock.monotonic();
    this.#oldest = (this.#oldest + 1) % this.#limit;
  }

  /** Nothing begins for so long; a pause that is longer already stays. */
  pause(durationMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonic() + durationMs);
  }
}
