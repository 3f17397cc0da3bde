import type { GrpcStatusName } from '../core/grpc-status.ts';

/** How a call ended. `message` is the server's text, decoded. */
export interface GrpcOutcome {
  readonly status: GrpcStatusName;
  readonly message: string;
}

/** A call that did not end with OK. Only the client throws it; it never crosses into another room of the agent. */
export class GrpcCallError extends Error implements GrpcOutcome {
  readonly status: GrpcStatusName;

  constructor(status: GrpcStatusName, message: string) {
    super(message);
    this.name = 'GrpcCallError';
    this.status = status;
  }
}

/** Request metadata: names in lower case. Values of `-bin` names are given encoded. */
export type GrpcMetadata = Readonly<Record<string, string | readonly string[]>>;

export interface GrpcCallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The client's side of a stream. Iterating gives its messages and ends with OK, or throws a `GrpcCallError`. */
export interface GrpcClientStream extends AsyncIterable<Buffer> {
  send(message: Uint8Array): void;
  /** Sends nothing more. */
  halfClose(): void;
  cancel(): void;
  /** Stops and resumes reading; flow control then holds the server back. */
  pause(): void;
  resume(): void;
  /** How the call ended. Never rejects. */
  readonly outcome: Promise<GrpcOutcome>;
}
