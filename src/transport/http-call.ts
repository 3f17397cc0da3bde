import { AgentError } from '../core/agent-error.ts';
import type { PeerCredentials } from '../core/caller.ts';
import type { Call, Metadata } from '../core/rpc.ts';
import { HeaderMetadata } from './header-metadata.ts';
import { LazyAbort } from './lazy-abort.ts';
import type { CallOrigin } from './transport-context.ts';

const REQUEST_OVER = new AgentError('request-cancelled', 'the request is over');

/** One HTTP/1.1 request as a call. */
export class HttpCall implements Call {
  readonly path: string;
  readonly metadata: Metadata;
  readonly #origin: CallOrigin;
  readonly #abort = new LazyAbort();

  constructor(origin: CallOrigin, path: string, rawHeaders: readonly string[]) {
    this.#origin = origin;
    this.path = path;
    this.metadata = new HeaderMetadata(rawHeaders);
  }

  get connectionId(): number {
    return this.#origin.connectionId;
  }

  get peer(): PeerCredentials | undefined {
    return this.#origin.peer;
  }

  get peerAddress(): string | undefined {
    return this.#origin.peerAddress;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  callerKnown(): void {
    this.#origin.callerKnown();
  }

  /** It has been answered, or nobody waits for the answer any more. */
  close(): void {
    this.#abort.abort(REQUEST_OVER);
  }
}
