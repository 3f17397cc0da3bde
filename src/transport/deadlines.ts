import type { Clock } from '../core/clock.ts';
import { DueQueue } from '../runtime/due-queue.ts';

/** Something that must not last for ever. */
export interface Expiring {
  /** Its time is over. It is not in the queue any more. */
  expired(nowMs: number): void;
}

/**
 * All time limits of a listener behind one sleep, so that thousands of calls cost no timers. Setting a limit that
 * is not the nearest, and lifting one, never touches the sleep.
 */
export class Deadlines implements Disposable {
  readonly #clock: Clock;
  readonly #queue = new DueQueue<Expiring>();
  #sleep: AbortController | undefined;
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #disposed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.now();
  }

  /** Limits it to this time, wall clock, whatever its limit was. */
  set(subject: Expiring, atMs: number): void {
    if (this.#disposed) return;
    this.#queue.set(subject, atMs);
    if (atMs < this.#wakesAtMs) this.#sleepUntilNext();
  }

  lift(subject: Expiring): void {
    this.#queue.delete(subject);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#sleep?.abort();
  }

  #sleepUntilNext(): void {
    this.#sleep?.abort();
    this.#wakesAtMs = this.#queue.nextMs ?? Number.POSITIVE_INFINITY;
    if (this.#disposed || this.#queue.size === 0) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    // Neither part rejects: a clock's sleep never does, and `expired` is this room's own code.
    void this.#clock.sleepUntil(this.#wakesAtMs, sleep.signal).then(() => {
      if (!sleep.signal.aborted) this.#expireDue();
    });
  }

  #expireDue(): void {
    const nowMs = this.#clock.now();
    for (let due = this.#queue.takeDue(nowMs); due !== undefined; due = this.#queue.takeDue(nowMs)) due.expired(nowMs);
    this.#sleepUntilNext();
  }
}
