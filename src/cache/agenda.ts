import type { Clock } from '../core/clock.ts';
import { DueQueue } from '../runtime/due-queue.ts';

/** Nothing planned: look again after this long, so that a set-back clock is noticed. */
const IDLE_MS = 60 * 60 * 1000;

/** A wall clock that moves less than this against the monotonic one was slewed, not set. */
const STEP_MS = 1000;

/** Made once: without a reason each abort would make an exception with a stack. */
const LOOK_AGAIN = Symbol('look again');

/**
 * Calls back for each key at its wall-clock time, with one timer for all.
 *
 * When the clock is set forward, or the machine was suspended, what became due is called at once. When it is set
 * back, all plans move back with it: they were made from durations, and would otherwise wait the step out.
 */
export class Agenda<Key> {
  readonly #clock: Clock;
  readonly #onDue: (key: Key) => void;
  readonly #onSetBack: () => void;
  readonly #planned = new DueQueue<Key>();
  #lead: number;
  #wake = new AbortController();

  constructor(clock: Clock, onDue: (key: Key) => void, onSetBack: () => void = () => undefined) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#onSetBack = onSetBack;
    this.#lead = clock.now() - clock.monotonic();
  }

  /** When the key is due, in wall-clock milliseconds; undefined when nothing is planned for it. */
  dueMs(key: Key): number | undefined {
    return this.#planned.get(key);
  }

  plan(key: Key, atMs: number): void {
    const nextMs = this.#planned.nextMs;
    this.#planned.set(key, atMs);
    if (nextMs === undefined || atMs < nextMs) this.#wake.abort(LOOK_AGAIN);
  }

  cancel(key: Key): void {
    this.#planned.delete(key);
  }

  /** Calls back until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake.abort(LOOK_AGAIN);
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      this.#wake = new AbortController();
      this.#followClock();
      const nowMs = this.#clock.now();
      for (let key = this.#planned.takeDue(nowMs); key !== undefined; key = this.#planned.takeDue(nowMs)) {
        this.#onDue(key);
      }
      await this.#clock.sleepUntil(this.#planned.nextMs ?? nowMs + IDLE_MS, this.#wake.signal);
    }
    signal.removeEventListener('abort', stop);
  }

  #followClock(): void {
    const lead = this.#clock.now() - this.#clock.monotonic();
    const steppedMs = lead - this.#lead;
    this.#lead = lead;
    if (steppedMs > -STEP_MS) return;
    // The monotonic clock counts fractions.
    this.#planned.shift(Math.round(steppedMs));
    this.#onSetBack();
  }
}
