import type { Clock } from '../../src/core/clock.ts';

export const seconds = (n: number): number => n * 1000;
export const minutes = (n: number): number => seconds(60 * n);
export const hours = (n: number): number => minutes(60 * n);
export const days = (n: number): number => hours(24 * n);

interface Sleeper {
  /** How long it still has to sleep; not positive when it is due. */
  readonly leftMs: () => number;
  /** Whether it wakes when the wall clock is set back. */
  readonly followsWallClock: boolean;
  readonly wake: () => void;
}

/**
 * A clock that moves only when it is told to. Sleepers wake in order of their deadlines, and after each the
 * pending promises run, so that a chain of sleeps inside one `advance` happens at the right times.
 */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(nowMs = Date.UTC(2030, 0, 1)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  sleepUntil(deadlineMs: number, signal: AbortSignal): Promise<void> {
    return this.#sleep(() => deadlineMs - this.#nowMs, true, signal);
  }

  sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    const endMs = this.#monotonicMs + durationMs;
    return this.#sleep(() => endMs - this.#monotonicMs, false, signal);
  }

  /** How many sleeps are pending: 0 at the end of a test that cleaned up. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Lets time pass: both clocks move, sleepers wake on the way. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (;;) {
      const hopMs = Math.max(0, Math.min(...[...this.#sleepers].map(({ leftMs }) => leftMs())));
      if (this.#nowMs + hopMs > endMs) break;
      this.#move(hopMs);
      this.#wake(({ leftMs }) => leftMs() <= 0);
      await settle();
    }
    this.#move(endMs - this.#nowMs);
    await settle();
  }

  /** Sets the wall clock forward or back without time passing, as NTP or an administrator does. */
  async step(byMs: number): Promise<void> {
    await settle();
    this.#nowMs += byMs;
    this.#wake(({ leftMs, followsWallClock }) => leftMs() <= 0 || (followsWallClock && byMs < 0));
    await settle();
  }

  /** The machine sleeps: the wall clock moves, the monotonic one stands still. */
  async suspend(durationMs: number): Promise<void> {
    await this.step(durationMs);
  }

  #sleep(leftMs: () => number, followsWallClock: boolean, signal: AbortSignal): Promise<void> {
    if (signal.aborted || leftMs() <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { leftMs, followsWallClock, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #move(byMs: number): void {
    this.#nowMs += byMs;
    this.#monotonicMs += byMs;
  }

  #wake(isDue: (sleeper: Sleeper) => boolean): void {
    for (const sleeper of [...this.#sleepers]) if (isDue(sleeper)) sleeper.wake();
  }
}

/** Lets every promise that is ready run, including what those start. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
