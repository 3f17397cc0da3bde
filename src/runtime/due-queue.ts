interface Due<T> {
  readonly key: T;
  atMs: number;
  index: number;
}

/**
 * Keys by the time at which they are due: a binary heap that knows where each key stands, so that moving one
 * costs the logarithm of the size however often it is moved.
 */
export class DueQueue<T> {
  readonly #heap: Due<T>[] = [];
  readonly #byKey = new Map<T, Due<T>>();

  get size(): number {
    return this.#heap.length;
  }

  /** When the first key is due, or undefined when there is none. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** When the key is due, or undefined when it is not in the queue. */
  get(key: T): number | undefined {
    return this.#byKey.get(key)?.atMs;
  }

  /** Puts the key at this time, wherever it stood before. */
  set(key: T, atMs: number): void {
    const known = this.#byKey.get(key);
    if (known === undefined) {
      const added = { key, atMs, index: this.#heap.length };
      this.#byKey.set(key, added);
      this.#heap.push(added);
      this.#rise(added);
      return;
    }
    const earlier = atMs < known.atMs;
    known.atMs = atMs;
    if (earlier) this.#rise(known);
    else this.#sink(known);
  }

  delete(key: T): void {
    const known = this.#byKey.get(key);
    if (known === undefined) return;
    this.#byKey.delete(key);
    const last = this.#heap.pop();
    if (last === undefined || last === known) return;
    this.#place(last, known.index);
    this.#rise(last);
    this.#sink(last);
  }

  /** Takes out the first key that is due at `nowMs`, or gives undefined. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.delete(first.key);
    return first.key;
  }

  /** Moves every time by the same amount; the order stays. */
  shift(byMs: number): void {
    for (const due of this.#heap) due.atMs += byMs;
  }

  #rise(due: Due<T>): void {
    while (due.index > 0) {
      const parent = this.#heap[(due.index - 1) >> 1];
      if (parent === undefined || parent.atMs <= due.atMs) return;
      this.#swap(due, parent);
    }
  }

  #sink(due: Due<T>): void {
    for (;;) {
      const left = this.#heap[2 * due.index + 1];
      const right = this.#heap[2 * due.index + 2];
      const child = right !== undefined && left !== undefined && right.atMs < left.atMs ? right : left;
      if (child === undefined || child.atMs >= due.atMs) return;
      this.#swap(due, child);
    }
  }

  #swap(a: Due<T>, b: Due<T>): void {
    const index = a.index;
    this.#place(a, b.index);
    this.#place(b, index);
  }

  #place(due: Due<T>, index: number): void {
    due.index = index;
    this.#heap[index] = due;
  }
}
