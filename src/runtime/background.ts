/**
 * Runs promises that nobody awaits, so that none is forgotten: each is awaited before `settled` resolves, and
 * what one throws is reported instead of ending the process.
 */
export class Background {
  readonly #running = new Set<Promise<void>>();
  readonly #onError: (thrown: unknown) => void;

  constructor(onError: (thrown: unknown) => void) {
    this.#onError = onError;
  }

  start(work: () => Promise<void>): void {
    const running: Promise<void> = work()
      .catch(this.#onError)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when nothing runs any more; also what is started while waiting. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
