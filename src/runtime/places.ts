/** Counts how many of something each holder has, so that nobody has more than the limit. */
export class Places<Holder> {
  readonly #limit: number;
  readonly #taken = new Map<Holder, number>();
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many all holders have together. */
  get total(): number {
    return this.#total;
  }

  /** Takes one more place, until it is disposed of; undefined: the holder has all that he may have. */
  take(holder: Holder): Disposable | undefined {
    const taken = this.#taken.get(holder) ?? 0;
    if (taken >= this.#limit) return undefined;
    this.#taken.set(holder, taken + 1);
    this.#total++;
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (isOpen) this.#giveBack(holder);
        isOpen = false;
      },
    };
  }

  #giveBack(holder: Holder): void {
    this.#total--;
    const left = (this.#taken.get(holder) ?? 0) - 1;
    if (left > 0) this.#taken.set(holder, left);
    else this.#taken.delete(holder);
  }
}
