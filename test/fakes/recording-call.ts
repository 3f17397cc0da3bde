import type { AgentError } from '../../src/core/agent-error.ts';
import type { PeerCredentials } from '../../src/core/caller.ts';
import type { Metadata, StreamCall } from '../../src/core/rpc.ts';

/** A call that keeps what is sent on it. */
export class RecordingCall implements StreamCall {
  readonly path = '/test';
  readonly connectionId: number;
  peer: PeerCredentials | undefined;
  readonly metadata: Metadata;
  readonly #abort = new AbortController();
  readonly sent: Uint8Array[] = [];
  writable = true;
  paused = false;
  known = false;
  ended: { readonly error: AgentError | undefined } | undefined;

  constructor(headers: Readonly<Record<string, string | readonly string[]>> = {}, connectionId = 1) {
    this.metadata = { getAll: (name) => [headers[name] ?? []].flat() };
    this.connectionId = connectionId;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  callerKnown(): void {
    this.known = true;
  }

  cancel(): void {
    this.#abort.abort();
  }

  send(message: Uint8Array): void {
    if (this.ended === undefined) this.sent.push(message);
  }

  end(error?: AgentError): void {
    this.ended ??= { error };
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}
