import type { AgentError } from './agent-error.ts';
import type { PeerCredentials } from './caller.ts';

/** Request headers as the peer sent them. */
export interface Metadata {
  /** Every value under a lower-case name, in the order sent; also duplicates. Values of `-bin` names are still encoded. */
  getAll(name: string): readonly string[];
}

/** One call, whatever its protocol. */
export interface Call {
  /** The path asked for, for example `/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets`. */
  readonly path: string;
  readonly metadata: Metadata;
  /** Numbers the connection that carries the call, from 1. */
  readonly connectionId: number;
  /** The process at the other end; undefined where the kernel does not tell. */
  readonly peer: PeerCredentials | undefined;
  /** `address:port` at the other end of a TCP connection; undefined on a unix socket. */
  readonly peerAddress?: string | undefined;
  /** Aborts when the peer cancels, its deadline passes, the connection is lost or the agent stops. Made on first use. */
  readonly signal: AbortSignal;
  /**
   * Somebody's word has been verified on this call: an `Authenticator` MUST say so. A connection of which nobody has
   * said it is a stranger's, and the first to go when places run out.
   */
  callerKnown(): void;
}

/**
 * Gives the message of a call, or the body of a request, once it is whole. Ask once. Rejects with an `AgentError` when it
 * breaks a limit or never comes.
 */
export type ReceiveMessage = () => Promise<Buffer>;

/** The agent's side of a stream of messages. Every method is harmless after the end. */
export interface StreamCall extends Call {
  /**
   * Whether the peer has read what was sent before. While false, hold back: `StreamHandler.drained` is called
   * when that changes. `send` would still queue, so a handler that asks first is bounded, one that does not is not.
   */
  readonly writable: boolean;
  /** Sends one message. */
  send(message: Uint8Array): void;
  /** Ends the call: with OK, or with the status of the error. `StreamHandler.closed` follows. */
  end(error?: AgentError): void;
  /** Stops and resumes the delivery of messages; flow control then holds the peer back. */
  pause(): void;
  resume(): void;
}

/** What a stream's handler is told. A method that throws ends the stream with INTERNAL. */
export interface StreamHandler {
  /** The message is lent: its memory is used again once this has returned. */
  received(message: Buffer): void;
  /** The peer will send nothing more. */
  halfClosed(): void;
  /** `writable` has become true again. */
  drained(): void;
  /** It is over, whoever ended it. Called exactly once, last. */
  closed(): void;
}

/**
 * Shortens a message while it arrives in pieces, so that what nobody looks at is never held. It is made for one
 * message; both methods may throw an `AgentError`, which ends the call.
 */
export interface MessageFilter {
  /** What it holds of the message. */
  readonly heldBytes: number;
  /** The next bytes of the message; they are lent. */
  push(piece: Buffer): void;
  /** The message is whole: gives what is left of it. */
  end(): Buffer;
}

/**
 * One request message, one answer. It is handled as soon as the call is there: what the metadata tells is found out
 * before the message is waited for. Rejections become the status of their `AgentError`.
 */
export type UnaryMethod = { readonly kind: 'unary'; handle(call: Call, receive: ReceiveMessage): Promise<Uint8Array> };
/** Messages both ways. */
export interface StreamMethod {
  readonly kind: 'stream';
  open(call: StreamCall): StreamHandler;
  /** Shortens requests that do not arrive in one piece; the handler must understand the short form like the long one. */
  readonly createFilter?: () => MessageFilter;
}
export type GrpcMethod = UnaryMethod | StreamMethod;

/** gRPC methods by full path, `/package.Service/Method`. */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>;

export interface HttpAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string | Uint8Array;
}

/** One HTTP/1.1 route: `POST` and an exact path. Rejections become the HTTP status of their `AgentError`. */
export type HttpRoute = (call: Call, receive: ReceiveMessage) => Promise<HttpAnswer>;
/** Routes by path. */
export type HttpRoutes = ReadonlyMap<string, HttpRoute>;

/** Verifies who makes a call, and tells the call. */
export interface Authenticator<Caller> {
  /** The caller, where that is known already: at once, without I/O. Undefined: ask `authenticate`. Never throws. */
  recognize(call: Call): Caller | undefined;
  /** Rejects with an `AgentError` of the `token-*` family, or `identity-denied` where it asks for no token. */
  authenticate(call: Call): Promise<Caller>;
}
