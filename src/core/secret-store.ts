import type { Secret, SecretRef } from './secret.ts';

/** What a subscriber is told. Both calls are made synchronously and must not throw. */
export interface Subscriber {
  /** The secret has new content: `peek` gives it. Also called when the first content arrives. */
  changed(): void;
  /**
   * The identity's remembered token has expired and a renewal is due: end the stream with UNAVAILABLE, so that
   * Envoy comes back with the token that is in its file now (it reads the file for new streams only). A store
   * asks one subscriber of an identity at a time.
   */
  reauthenticate(): void;
}

/** A live interest in one secret. Disposing it twice is harmless. */
export interface Subscription extends Disposable {
  /** The peer has taken over the content of this version (an ACK). Root rotation waits for it. */
  acknowledged(version: string): void;
}

/**
 * The secrets that can be served now, and word of their changes: all that `sds` sees of the cache, and of whatever else
 * has secrets. A store of some kinds only takes references of those.
 *
 * - `peek` MUST return only what is verified and not expired at this moment, else undefined. It MUST NOT do I/O.
 * - `subscribe` MUST make sure that the secret is obtained if it is not there yet, and MUST NOT call back before
 *   it has returned. A subscriber that is told of a change twice before it peeks sees the newest content only.
 * - Both MUST take the caller's token of a `certificate` ref as fresher than an earlier one that ends sooner.
 */
export interface SecretStore<Ref extends SecretRef = SecretRef> {
  peek(ref: Ref): Secret | undefined;
  subscribe(ref: Ref, subscriber: Subscriber): Subscription;
}
