import { orAborted } from './or-aborted.ts';

/** Work that several wait for. Each may give up alone; when the last of them has, the work is ended. */
export class SharedWork<T> {
  readonly #controller = new AbortController();
  readonly #outcome: Promise<T>;
  #waiting = 0;

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#outcome = work(this.#controller.signal);
    // Whoever has given up does not hear of a failure any more.
    this.#outcome.catch(() => {});
  }

  /** Whether it was ended because nobody waits: whoever comes now needs new work. */
  get abandoned(): boolean {
    return this.#controller.signal.aborted;
  }

  /** The outcome, or `ca-timeout` as soon as the signal aborts. */
  async join(signal: AbortSignal): Promise<T> {
    this.#waiting++;
    try {
      return await orAborted(this.#outcome, signal);
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#controller.abort();
    }
  }
}
