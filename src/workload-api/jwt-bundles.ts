import type { JwtAuthority } from '../core/jwt-authority.ts';
import { JWTBundlesResponse } from '../gen/spiffe/workload.ts';
import type { Answer, OpenFeed } from './feed.ts';

/** The public keys of JWT-SVIDs, followed once for all streams. */
export class JwtBundles {
  readonly #authority: JwtAuthority;
  readonly #listeners = new Set<() => void>();
  #newest: Answer | undefined;

  constructor(authority: JwtAuthority) {
    this.#authority = authority;
  }

  /** What a stream of bundles says. */
  readonly feed: OpenFeed = (_caller, subscriber) => {
    // Of its own: one subscriber may listen twice for a moment.
    const listener = (): void => subscriber.changed();
    this.#listeners.add(listener);
    return {
      newest: () => this.#newest,
      said: () => {},
      [Symbol.dispose]: () => void this.#listeners.delete(listener),
    };
  };

  /** Follows the authority until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const { trustDomain, jwks, version } of this.#authority.watchBundle(signal)) {
      const bundles = { [`spiffe://${trustDomain}`]: Buffer.from(jwks) };
      this.#newest = { version, message: JWTBundlesResponse.encode({ bundles }).finish() };
      for (const listener of this.#listeners) listener();
    }
  }
}
