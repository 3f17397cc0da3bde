import type { Caller } from '../core/caller.ts';
import type { Subscriber } from '../core/secret-store.ts';

/** A whole answer, encoded. Equal content has an equal version. */
export interface Answer {
  readonly version: string;
  readonly message: Uint8Array;
}

/** What one stream is to say, now and whenever its subscriber is told of a change. Disposing it ends its interest. */
export interface Feed extends Disposable {
  /** Undefined while a part of it is not there. */
  newest(): Answer | undefined;
  /** The newest answer has been handed to the transport. */
  said(): void;
}

/** Begins to listen on behalf of a caller. The subscriber is not called before this has returned. */
export type OpenFeed = (caller: Caller, subscriber: Subscriber) => Feed;
