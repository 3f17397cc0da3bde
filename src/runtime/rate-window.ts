import type { Clock } from '../core/clock.ts';

/** A second and a little: who is asked sees what begins a moment later, and not each the same moment. */
export const WINDOW_MS = 1010;

/** The right to begin one thing. It counts until it is disposed of without having been used. */
export interface Reservation extends Disposable {
  /** It begins now; from now on it counts for a second. A second call is none. */
  begin(): void;
}

/**
 * Lets at most so many things begin within any second (or window of another length), by the monotonic clock. It remembers when the last ones
 * began, where a token bucket of the same rate would let twice as many begin in its first second. What is reserved
 * counts already: whatever time passes before it begins, no second sees more.
 */
export class RateWindow {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** A ring of the newest beginnings, as long as the limit at most. */
  readonly #beganAtMs: number[] = [];
  /** Where the next beginning goes. */
  #next = 0;
  #reserved = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(limit: number, clock: Clock, windowMs = WINDOW_MS) {
    this.#limit = limit;
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** How long to wait before the next reservation, at least; 0: it may be made now. */
  get waitMs(): number {
    const nowMs = this.#clock.monotonic();
    return Math.max(0, this.#freeAtMs(nowMs) - nowMs, this.#pausedUntilMs - nowMs);
  }

  /** Begins one thing where that may be now, without a reservation; gives whether it was. */
  tryBegin(): boolean {
    if (this.waitMs > 0) return false;
    this.#note();
    return true;
  }

  reserve(): Reservation {
    let isOpen = true;
    this.#reserved++;
    const close = (): boolean => {
      if (!isOpen) return false;
      isOpen = false;
      this.#reserved--;
      return true;
    };
    const begin = (): void => {
      if (close()) this.#note();
    };
    return { begin, [Symbol.dispose]: () => void close() };
  }

  /** Nothing is reserved for so long; a pause that is longer already stays. */
  pause(durationMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonic() + durationMs);
  }

  #note(): void {
    this.#beganAtMs[this.#next] = this.#clock.monotonic();
    this.#next = (this.#next + 1) % this.#limit;
  }

  #freeAtMs(nowMs: number): number {
    const free = this.#limit - this.#reserved;
    // None of the reserved ones has begun, so none stops counting before a second has passed.
    if (free <= 0) return nowMs + this.#windowMs;
    const atMs = this.#beganAtMs[(this.#next - free + this.#limit) % this.#limit];
    return atMs === undefined ? nowMs : atMs + this.#windowMs;
  }
}
