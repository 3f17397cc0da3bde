import type { Connection } from './connection.ts';

/** Open connections that share a bound, in the order in which they came. */
export class Crowd {
  readonly #open = new Set<Connection>();
  /** Those of them on which no caller has been verified. */
  readonly #strangers = new Set<Connection>();

  get size(): number {
    return this.#open.size;
  }

  /** Whose place is given away first: the oldest stranger's, else that of the oldest without a call. */
  get dispensable(): Connection | undefined {
    const [stranger] = this.#strangers;
    if (stranger !== undefined) return stranger;
    for (const connection of this.#open) if (connection.idle) return connection;
    return undefined;
  }

  add(connection: Connection): void {
    this.#open.add(connection);
    this.#strangers.add(connection);
  }

  /** A caller on it has been verified. */
  know(connection: Connection): void {
    this.#strangers.delete(connection);
  }

  /** Gives whether it was there. */
  delete(connection: Connection): boolean {
    this.#strangers.delete(connection);
    return this.#open.delete(connection);
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#open.values();
  }
}
