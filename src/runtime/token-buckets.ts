import type { Clock } from '../core/clock.ts';

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** With so few buckets there is nothing to tidy up. */
const FEW = 64;

export interface TokenBucketsOptions {
  /** How many tokens a bucket gets back within a second. */
  readonly perSecond: number;
  /** How many it holds, and begins with. */
  readonly burst: number;
  readonly clock: Clock;
}

/** A token bucket for each key. One that is full is as good as none, so what is remembered does not grow. */
export class TokenBuckets<Key> {
  readonly #options: TokenBucketsOptions;
  readonly #buckets = new Map<Key, Bucket>();
  #tidyAt = FEW;

  constructor(options: TokenBucketsOptions) {
    this.#options = options;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of this key's, if there is one. */
  take(key: Key): boolean {
    const nowMs = this.#options.clock.monotonic();
    const tokens = this.#tokensAt(key, nowMs);
    if (tokens < 1) return false;
    this.#set(key, tokens - 1, nowMs);
    return true;
  }

  /** Takes the next token of this key's, which may have to come first: gives how long to wait for it, 0 if it is there. */
  reserve(key: Key): number {
    const nowMs = this.#options.clock.monotonic();
    const tokens = this.#tokensAt(key, nowMs) - 1;
    this.#set(key, tokens, nowMs);
    return tokens >= 0 ? 0 : (-1000 * tokens) / this.#options.perSecond;
  }

  #tokensAt(key: Key, nowMs: number): number {
    const { perSecond, burst } = this.#options;
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.tokens + (perSecond * (nowMs - bucket.atMs)) / 1000);
  }

  #set(key: Key, tokens: number, atMs: number): void {
    if (this.#buckets.size >= this.#tidyAt) this.#tidyUp(atMs);
    this.#buckets.set(key, { tokens, atMs });
  }

  #tidyUp(nowMs: number): void {
    for (const key of this.#buckets.keys()) {
      if (this.#tokensAt(key, nowMs) >= this.#options.burst) this.#buckets.delete(key);
    }
    this.#tidyAt = Math.max(FEW, 2 * this.#buckets.size);
  }
}
