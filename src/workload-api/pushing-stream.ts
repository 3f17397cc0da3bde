import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import type { StreamCall, StreamHandler } from '../core/rpc.ts';
import type { Subscriber } from '../core/secret-store.ts';
import type { Feed, OpenFeed } from './feed.ts';
import { identifyCaller } from './identify-caller.ts';
import type { WorkloadApiContext } from './workload-api-context.ts';

/** How long a request waits for its first answer; who is told UNAVAILABLE comes back. */
const PATIENCE_MS = 5000;

/** What belongs to one stream alone. */
export interface PushingStreamParts {
  readonly call: StreamCall;
  /** Reads the request, which has nothing in it. Throws for what is no message. */
  readonly decode: (message: Buffer) => unknown;
  readonly openFeed: OpenFeed;
  /** Is told once how it went: `ok` with the first answer, else the code of the error. */
  readonly onResult: (result: string) => void;
}

/**
 * One stream of answers after one request: the newest as soon as it is there, and again when it has changed. To a peer
 * that does not read nothing is said until it does; what it missed is not made up for.
 */
export class PushingStream implements StreamHandler, Subscriber {
  readonly #context: WorkloadApiContext;
  readonly #parts: PushingStreamParts;
  #caller: Caller | undefined;
  #feed: Feed | undefined;
  #saidVersion: string | undefined;
  #closed = false;
  /** Aborts when nobody waits for a first answer any more. */
  readonly #answered = new AbortController();

  constructor(context: WorkloadApiContext, parts: PushingStreamParts) {
    this.#context = context;
    this.#parts = parts;
    context.meter.streamOpened();
  }

  /** Finds out who calls; the request waits in the transport until that is known. */
  identify(): void {
    const refuse = (error: AgentError): void => this.#refuse(error);
    this.#parts.call.pause();
    this.#identify(refuse, (caller) => {
      this.#caller = caller;
      this.#parts.call.resume();
    });
  }

  received(message: Buffer): void {
    try {
      if (this.#caller === undefined)
        throw new AgentError('internal', 'a request was heard before its caller was known');
      if (this.#feed !== undefined) throw new AgentError('request-invalid', 'the method takes one message, not more');
      this.#decode(message);
      this.#feed = this.#parts.openFeed(this.#caller, this);
    } catch (thrown) {
      this.#refuse(toAgentError(thrown));
      return;
    }
    this.#sayNewest();
    if (this.#saidVersion === undefined) void this.#waitForAnswer();
  }

  halfClosed(): void {
    if (this.#feed === undefined) {
      this.#refuse(new AgentError('request-invalid', 'the method takes one message, not none'));
    }
  }

  drained(): void {
    this.#sayNewest();
  }

  closed(): void {
    this.#closed = true;
    this.#answered.abort();
    this.#feed?.[Symbol.dispose]();
    this.#context.meter.streamClosed();
  }

  changed(): void {
    this.#sayNewest();
  }

  /**
   * The peer has no token to come back with: who it is, is asked again here, and brings a fresh one along. A failure
   * that passes ends nothing: what was said is still good, and the store asks again in a while.
   */
  reauthenticate(): void {
    const refuse = (error: AgentError): void => {
      if (error.disposition !== 'transient') this.#refuse(error);
    };
    this.#identify(refuse, (caller) => {
      const before = this.#feed;
      this.#feed = this.#parts.openFeed(caller, this);
      before?.[Symbol.dispose]();
      this.#sayNewest();
    });
  }

  #identify(otherwise: (error: AgentError) => void, then: (caller: Caller) => void): void {
    const { call } = this.#parts;
    identifyCaller(call, this.#context.authenticator).then(
      (caller) => {
        if (!this.#closed) then(caller);
      },
      (thrown: unknown) => otherwise(toAgentError(thrown)),
    );
  }

  #decode(message: Buffer): void {
    try {
      this.#parts.decode(message);
    } catch (cause) {
      throw new AgentError('request-invalid', 'the message is not a request of this method', { cause });
    }
  }

  #sayNewest(): void {
    const { call, onResult } = this.#parts;
    if (this.#feed === undefined || !call.writable) return;
    try {
      const newest = this.#feed.newest();
      if (newest === undefined || newest.version === this.#saidVersion) return;
      if (this.#saidVersion === undefined) onResult('ok');
      this.#saidVersion = newest.version;
      this.#answered.abort();
      call.send(newest.message);
      this.#feed.said();
    } catch (thrown) {
      this.#refuse(toAgentError(thrown));
    }
  }

  async #waitForAnswer(): Promise<void> {
    await this.#context.clock.sleep(PATIENCE_MS, this.#answered.signal);
    if (this.#answered.signal.aborted) return;
    this.#refuse(new AgentError('secret-not-ready', 'what was asked for is not there yet: ask again in a while'));
  }

  #refuse(error: AgentError): void {
    if (this.#closed) return;
    if (this.#saidVersion === undefined) this.#parts.onResult(error.code);
    this.#context.onRefused(this.#parts.call, error);
    this.#parts.call.end(error);
  }
}
