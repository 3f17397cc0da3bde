import { Background } from '../runtime/background.ts';

/** Foreground: somebody waits for it. Background: what is there is still good. */
export type Lane = 'foreground' | 'background';

/**
 * Lets at most so many keys be worked on at a time: the foreground first, each lane in the order of arrival.
 * A key is in it once. One that is added while it is being worked on is worked on once more after that.
 */
export class IssuanceQueue<Key> {
  readonly #limit: number;
  readonly #work: (key: Key) => Promise<void>;
  readonly #waiting: Readonly<Record<Lane, Set<Key>>> = { foreground: new Set(), background: new Set() };
  readonly #running = new Set<Key>();
  readonly #again = new Map<Key, Lane>();
  readonly #background: Background;

  /** @param onError is told what `work` throws */
  constructor(limit: number, work: (key: Key) => Promise<void>, onError: (thrown: unknown) => void) {
    this.#limit = limit;
    this.#work = work;
    this.#background = new Background(onError);
  }

  get running(): number {
    return this.#running.size;
  }

  /** Queues the key, or moves it to the foreground when it waits in the background. */
  add(key: Key, lane: Lane): void {
    if (this.#running.has(key)) {
      this.#again.set(key, lane);
      return;
    }
    if (this.#waiting.foreground.has(key)) return;
    if (lane === 'foreground') this.#waiting.background.delete(key);
    this.#waiting[lane].add(key);
    this.#fill();
  }

  /** Resolves when nothing is worked on any more. */
  settled(): Promise<void> {
    return this.#background.settled();
  }

  /** Takes back a key that is still waiting. */
  delete(key: Key): void {
    this.#again.delete(key);
    this.#waiting.foreground.delete(key);
    this.#waiting.background.delete(key);
  }

  #fill(): void {
    while (this.#running.size < this.#limit) {
      const lane = this.#waiting.foreground.size > 0 ? this.#waiting.foreground : this.#waiting.background;
      const [key] = lane;
      if (key === undefined) return;
      lane.delete(key);
      this.#running.add(key);
      this.#background.start(() => this.#run(key));
    }
  }

  async #run(key: Key): Promise<void> {
    try {
      await this.#work(key);
    } finally {
      this.#running.delete(key);
      const again = this.#again.get(key);
      this.#again.delete(key);
      if (again !== undefined) this.#waiting[again].add(key);
      this.#fill();
    }
  }
}
