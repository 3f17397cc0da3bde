/** A first request of Envoy with its whole Node is 61 KB: the size to be fast at. Larger ones get memory of their own. */
export const LARGEST_LENT_BYTES = 64 * 1024;
/** What is kept for the next messages: 4 MiB. */
const MAX_FREE = 64;

/**
 * Lends buffers for messages that arrive in pieces. Fresh memory for each would cost more than all the rest of a
 * call: its pages must be mapped, zeroed and collected again.
 */
export class MessageBuffers {
  readonly #free: Buffer[] = [];

  /** A buffer of at least this size, with anything in it. */
  lend(bytes: number): Buffer {
    if (bytes > LARGEST_LENT_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(LARGEST_LENT_BYTES);
  }

  /** Nobody reads it any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === LARGEST_LENT_BYTES && this.#free.length < MAX_FREE) this.#free.push(buffer);
  }
}
