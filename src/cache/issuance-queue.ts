import type { Clock } from '../core/clock.ts';
import { Background } from '../runtime/background.ts';
import type { RateWindow, Reservation } from '../runtime/rate-window.ts';

/** Foreground: somebody waits for it. Background: what is there is still good. */
export type Lane = 'foreground' | 'background';

/** While both lanes wait, this many of the foreground begin for each one of the background. */
const FOREGROUND_SHARE = 3;

export interface IssuanceQueueParts<Key> {
  /** At most so many keys are worked on at a time. */
  readonly maxInFlight: number;
  /** How many may begin within a second. */
  readonly rate: RateWindow;
  /** @param begin is to be called when the CA is asked: only then it counts for the rate */
  readonly work: (key: Key, begin: () => void) => Promise<void>;
  /** Is told what `work` throws. */
  readonly onError: (thrown: unknown) => void;
  readonly clock: Clock;
  /** Nothing begins after its abort. */
  readonly signal: AbortSignal;
}

/**
 * Lets a bounded number of keys be worked on at a time and within a second: the foreground first, but every fourth
 * is one of the background, so that no steady stream of newcomers lets what is there expire. Each lane goes in the
 * order of arrival. A key is in it once; one that is added while it is being worked on is worked on once more after.
 */
export class IssuanceQueue<Key> {
  readonly #parts: IssuanceQueueParts<Key>;
  readonly #waiting: Readonly<Record<Lane, Set<Key>>> = { foreground: new Set(), background: new Set() };
  readonly #running = new Set<Key>();
  readonly #again = new Map<Key, Lane>();
  readonly #background: Background;
  /** How many of the foreground began one after the other while the background waited. */
  #preferred = 0;
  #fillsLater = false;

  constructor(parts: IssuanceQueueParts<Key>) {
    this.#parts = parts;
    this.#background = new Background(parts.onError);
  }

  get running(): number {
    return this.#running.size;
  }

  /** Keys that have not begun. */
  get waiting(): number {
    return this.#waiting.foreground.size + this.#waiting.background.size;
  }

  /** Queues the key, or moves it to the foreground when it waits in the background. */
  add(key: Key, lane: Lane): void {
    if (this.#running.has(key)) {
      if (lane === 'foreground' || !this.#again.has(key)) this.#again.set(key, lane);
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
    const { maxInFlight, rate, signal } = this.#parts;
    while (this.waiting > 0 && this.#running.size < maxInFlight && !signal.aborted) {
      const { waitMs } = rate;
      if (waitMs > 0) {
        this.#fillLater(waitMs);
        return;
      }
      const key = this.#takeNext();
      if (key === undefined) return;
      this.#running.add(key);
      const reservation = rate.reserve();
      this.#background.start(() => this.#run(key, reservation));
    }
  }

  #fillLater(waitMs: number): void {
    if (this.#fillsLater) return;
    this.#fillsLater = true;
    this.#background.start(async () => {
      await this.#parts.clock.sleep(waitMs, this.#parts.signal);
      this.#fillsLater = false;
      this.#fill();
    });
  }

  #takeNext(): Key | undefined {
    const lane = this.#waiting[this.#nextLane()];
    const [key] = lane;
    if (key !== undefined) lane.delete(key);
    return key;
  }

  #nextLane(): Lane {
    const { foreground, background } = this.#waiting;
    const isBackground = foreground.size === 0 || (background.size > 0 && this.#preferred >= FOREGROUND_SHARE);
    this.#preferred = isBackground || background.size === 0 ? 0 : this.#preferred + 1;
    return isBackground ? 'background' : 'foreground';
  }

  async #run(key: Key, reservation: Reservation): Promise<void> {
    try {
      await this.#parts.work(key, reservation.begin);
    } finally {
      reservation[Symbol.dispose]();
      this.#running.delete(key);
      const again = this.#again.get(key);
      this.#again.delete(key);
      if (again !== undefined) this.#waiting[again].add(key);
      this.#fill();
    }
  }
}
