/** Who waits for the rest of a message. */
export interface Unfinished {
  /** The room is needed: forget the message. */
  giveUp(): void;
}

/**
 * Bounds what large half-received messages hold, over all connections. Small ones are not worth counting: HTTP/2
 * itself lets a stream leave as much with us. Somebody who means it finishes a message within
 * milliseconds, so when the room runs out the oldest one goes: it is the attacker's, not the newcomer's.
 */
export class UnfinishedMessages {
  readonly #maxBytes: number;
  readonly #bytesOf = new Map<Unfinished, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts what is held of a message, or that it has become more. A holder has one message at a time. */
  hold(holder: Unfinished, bytes: number): void {
    const before = this.#bytesOf.get(holder) ?? 0;
    if (bytes <= before) return;
    this.#bytesOf.set(holder, bytes);
    this.#bytes += bytes - before;
    for (const oldest of this.#bytesOf.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === holder) return;
      this.finish(oldest);
      oldest.giveUp();
    }
  }

  /** The message is whole or forgotten. Harmless when there is none. */
  finish(holder: Unfinished): void {
    const bytes = this.#bytesOf.get(holder);
    if (bytes === undefined) return;
    this.#bytesOf.delete(holder);
    this.#bytes -= bytes;
  }
}
