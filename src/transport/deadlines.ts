import type { Clock } from '../core/clock.ts';
import { DueQueue } from '../runtime/due-queue.ts';

/** Never due. */
export const NEVER = Number.POSITIVE_INFINITY;

/** Something that must not last for ever. */
export interface Expiring {
  expired(nowMs: number): void;
}

/** All time limits of a listener behind one sleep, so that thousands of calls cost no timers. */
export class Deadlines implements Disposable {
  readonly #clock: Clock;
  readonly #queue = new DueQueue<TimeLimit>();
  #sleep: AbortController | undefined;
  #wakesAtMs = NEVER;
  #disposed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wall clock. */
  nowMs(): number {
    return this.#clock.now();
  }

  arm(limit: TimeLimit, atMs: number): void {
    if (this.#disposed) return;
    this.#queue.set(limit, atMs);
    if (atMs < this.#wakesAtMs) this.#sleepUntilNext();
  }

  disarm(limit: TimeLimit): void {
    this.#queue.delete(limit);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#sleep?.abort();
  }

  #sleepUntilNext(): void {
    this.#sleep?.abort();
    this.#wakesAtMs = this.#queue.nextMs ?? NEVER;
    if (this.#disposed || this.#wakesAtMs === NEVER) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    // Neither part rejects: a clock's sleep never does, and `expired` is this room's own code.
    void this.#clock.sleepUntil(this.#wakesAtMs, sleep.signal).then(() => {
      if (!sleep.signal.aborted) this.#expireDue();
    });
  }

  #expireDue(): void {
    const nowMs = this.#clock.now();
    for (let due = this.#queue.takeDue(nowMs); due !== undefined; due = this.#queue.takeDue(nowMs)) due.reached(nowMs);
    this.#sleepUntilNext();
  }
}

/**
 * The time limit of one call or connection. Only a limit that comes nearer touches the queue: one that is put off
 * or lifted, as nearly all are, is found out when the earlier time comes.
 */
export class TimeLimit {
  readonly #deadlines: Deadlines;
  readonly #subject: Expiring;
  #dueMs = NEVER;
  #armedMs = NEVER;

  constructor(deadlines: Deadlines, subject: Expiring) {
    this.#deadlines = deadlines;
    this.#subject = subject;
  }

  /** The subject expires at this time, wall clock, or `NEVER`. */
  set(dueMs: number): void {
    this.#dueMs = dueMs;
    if (dueMs >= this.#armedMs) return;
    this.#armedMs = dueMs;
    this.#deadlines.arm(this, dueMs);
  }

  /** The subject is gone: it is forgotten at once. */
  remove(): void {
    if (this.#armedMs !== NEVER) this.#deadlines.disarm(this);
    this.#dueMs = NEVER;
    this.#armedMs = NEVER;
  }

  /** The time has come that was armed, and with it perhaps the one that is due. */
  reached(nowMs: number): void {
    this.#armedMs = NEVER;
    if (this.#dueMs > nowMs) this.set(this.#dueMs);
    else {
      this.#dueMs = NEVER;
      this.#subject.expired(nowMs);
    }
  }
}
