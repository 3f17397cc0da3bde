import type { Clock } from '../../src/core/clock.ts';

export const seconds = (n: number): number => n * 1000;
export const minutes = (n: number): number => seconds(60 * n);
export const hours = (n: number): number => minutes(60 * n);
export const days = (n: number): number => hours(24 * n);

interface Sleeper {
  readonly deadlineMs: number;
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
    if (signal.aborted || deadlineMs <= this.#nowMs) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { deadlineMs, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** How many sleeps are pending: 0 at the end of a test that cleaned up. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Lets time pass: both clocks move, sleepers wake on the way. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (let next = this.#nextDeadline(endMs); next !== undefined; next = this.#nextDeadline(endMs)) {
      this.#move(Math.max(0, next - this.#nowMs));
      this.#wakeDue();
      await settle();
    }
    this.#move(endMs - this.#nowMs);
    await settle();
  }

  /** Sets the wall clock forward or back without time passing, as NTP or an administrator does. */
  async step(byMs: number): Promise<void> {
    await settle();
    this.#nowMs += byMs;
    this.#wakeDue();
    await settle();
  }

  /** The machine sleeps: the wall clock moves, the monotonic one stands still. */
  async suspend(durationMs: number): Promise<void> {
    await this.step(durationMs);
  }

  #move(byMs: number): void {
    this.#nowMs += byMs;
    this.#monotonicMs += byMs;
  }

  #nextDeadline(endMs: number): number | undefined {
    let next: number | undefined;
    for (const { deadlineMs } of this.#sleepers) {
      if (deadlineMs <= endMs && (next === undefined || deadlineMs < next)) next = deadlineMs;
    }
    return next;
  }

  #wakeDue(): void {
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.deadlineMs <= this.#nowMs) sleeper.wake();
    }
  }
}

/** Lets every promise that is ready run, including what those start. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
