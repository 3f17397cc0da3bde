import { Crowd } from './crowd.ts';

/** What one peer has of a listener now. */
export class PeerAccount {
  readonly key: string;
  readonly connections = new Crowd();
  /** Streams, unary calls and HTTP requests. */
  calls = 0;
  /** Calls that are refused and have not been told yet. */
  refusals = 0;
  /** Connections that wait to be closed, unheard. */
  banned = 0;

  /** Whether there is nothing that has to be remembered. */
  get isEmpty(): boolean {
    return this.connections.size === 0 && this.refusals === 0 && this.banned === 0;
  }

  constructor(key: string) {
    this.key = key;
  }
}
