/** A map by text that drops what is over, then the oldest, before it grows beyond its capacity. */
export class BoundedMap<T> {
  readonly #entries = new Map<string, T>();
  readonly #capacity: number;
  readonly #isOver: (value: T) => boolean;

  /** @param isOver whether a value is of no use any more */
  constructor(capacity: number, isOver: (value: T) => boolean) {
    this.#capacity = capacity;
    this.#isOver = isOver;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: T): void {
    this.#entries.set(key, value);
    if (this.#entries.size > this.#capacity) this.#makeRoom();
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Goes below the limit, so that not each new entry costs a look at all. */
  #makeRoom(): void {
    const keep = Math.floor(this.#capacity * 0.9);
    for (const [key, value] of this.#entries) if (this.#isOver(value)) this.#entries.delete(key);
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= keep) return;
      this.#entries.delete(key);
    }
  }
}
