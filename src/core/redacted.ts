const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * Holds a value that must never be printed: a private key or a bearer token.
 *
 * String conversion, JSON and Node's `inspect` all give `[redacted]`. `reveal()` is the only way out, so
 * `grep -rn 'reveal()'` lists every place where a secret is used.
 */
export class Redacted<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Call it where the value is used, never earlier. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [INSPECT](): string {
    return '[redacted]';
  }
}
