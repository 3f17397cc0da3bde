import type { Metadata } from '../core/rpc.ts';

const NONE: readonly string[] = [];

/**
 * Headers as they came, `[name, value, name, value, …]`. Kept as the raw list because Node's header object has
 * only the first of two `authorization` headers: two different tokens must not pass for one.
 */
export class HeaderMetadata implements Metadata {
  readonly #pairs: readonly string[];

  constructor(pairs: readonly string[]) {
    this.#pairs = pairs;
  }

  getAll(name: string): readonly string[] {
    let found: string[] | undefined;
    for (let index = 0; index < this.#pairs.length; index += 2) {
      const key = this.#pairs[index];
      const value = this.#pairs[index + 1];
      if (key === undefined || value === undefined || key.length !== name.length) continue;
      // HTTP/2 names are in lower case already, HTTP/1.1 names in any.
      if (key === name || key.toLowerCase() === name) {
        found ??= [];
        found.push(value);
      }
    }
    return found ?? NONE;
  }
}
