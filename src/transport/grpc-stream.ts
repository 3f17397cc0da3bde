import { constants, type ServerHttp2Stream } from 'node:http2';
import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { PeerCredentials } from '../core/caller.ts';
import type { GrpcMethod, Metadata, StreamCall, StreamHandler } from '../core/rpc.ts';
import { type Expiring, NEVER, TimeLimit } from './deadlines.ts';
import { frameMessage } from './frame-message.ts';
import { ENDS_STREAM, ENDS_WITH_TRAILERS, RESPONSE_HEADERS, statusTrailers, trailersOnly } from './grpc-headers.ts';
import { parseGrpcTimeout } from './grpc-timeout.ts';
import { LazyAbort } from './lazy-abort.ts';
import { MessageAssembler } from './message-assembler.ts';
import { LARGEST_LENT_BYTES } from './message-buffers.ts';
import type { CallOrigin, TransportContext } from './transport-context.ts';
import { UnaryHandler } from './unary-handler.ts';
import type { Unfinished } from './unfinished-messages.ts';

/** Made once: a stack for each call that ends would cost more than the call. */
const CALLER_GONE = new AgentError('request-cancelled', 'the caller is gone');
const CALL_OVER = new AgentError('request-cancelled', 'the call is over');

/** One gRPC call on one HTTP/2 stream: frames to messages, errors to statuses, flow control both ways. */
export class GrpcStream implements StreamCall, Expiring, Unfinished {
  readonly path: string;
  readonly metadata: Metadata;
  readonly #context: TransportContext;
  readonly #origin: CallOrigin;
  readonly #stream: ServerHttp2Stream;
  readonly #method: GrpcMethod;
  readonly #assembler: MessageAssembler;
  readonly #abort = new LazyAbort();
  readonly #limit: TimeLimit;
  #handler: StreamHandler | undefined;
  /** The call has been ended, by either side; the HTTP/2 stream may still be flushing. */
  #over = false;
  #unary = false;
  #paused = false;
  /** The peer sends more than it may: nothing is read of it before this time. */
  #heldUntilMs: number | undefined;
  #delivering = false;
  #peerDone = false;
  #toldHalfClosed = false;
  #endError: AgentError | undefined;
  #deadlineMs = NEVER;
  #messageDueMs = NEVER;

  constructor(
    context: TransportContext,
    origin: CallOrigin,
    stream: ServerHttp2Stream,
    method: GrpcMethod,
    path: string,
    metadata: Metadata,
  ) {
    this.#context = context;
    this.#origin = origin;
    this.#stream = stream;
    this.#method = method;
    this.#limit = new TimeLimit(context.deadlines, this);
    this.path = path;
    this.metadata = metadata;
    const createFilter = method.kind === 'stream' ? method.createFilter : undefined;
    this.#assembler = new MessageAssembler(context.limits.maxMessageBytes, context.buffers, createFilter);
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

  get writable(): boolean {
    return !this.#over && !this.#stream.writableNeedDrain;
  }

  /** Hands the call to its method, or ends it at once where the deadline cannot be met or understood. */
  open(): void {
    const method = this.#method;
    this.#unary = method.kind === 'unary';
    this.#listen();
    try {
      const nowMs = this.#context.deadlines.nowMs();
      const [timeout] = this.metadata.getAll('grpc-timeout');
      if (timeout !== undefined) this.#deadlineMs = nowMs + parseGrpcTimeout(timeout);
      this.#messageDueMs = nowMs + this.#context.limits.messageMs;
      this.#arm();
      this.#handler = method.kind === 'unary' ? new UnaryHandler(this, method) : method.open(this);
    } catch (thrown) {
      this.end(toAgentError(thrown));
    }
  }

  send(message: Uint8Array): void {
    if (this.#over || this.#stream.closed) return;
    // Not earlier: until the first message a call can still end with trailers alone.
    if (!this.#stream.headersSent) this.#stream.respond(RESPONSE_HEADERS, ENDS_WITH_TRAILERS);
    this.#stream.write(frameMessage(message));
  }

  end(error?: AgentError): void {
    if (this.#over) return;
    if (error?.code === 'internal') this.#context.log.error('a call failed', { path: this.path, error });
    else if (error?.cause !== undefined) this.#context.log.debug('a call was refused', { path: this.path, error });
    this.#finish(error);
    if (this.#stream.closed) return;
    this.#endError = error;
    if (this.#stream.headersSent) {
      this.#stream.end();
    } else {
      this.#stream.respond(trailersOnly(error), ENDS_STREAM);
      this.#cutOffAfter(this.#context.limits.lingerMs);
    }
  }

  /** The agent stops: a stream ends now, a request that is whole may still be answered. */
  drain(): void {
    if (!(this.#unary && this.#toldHalfClosed)) this.end(new AgentError('shutting-down', 'the agent is shutting down'));
  }

  pause(): void {
    if (this.#over) return;
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (this.#over || !this.#paused) return;
    this.#paused = false;
    this.#readOn();
  }

  expired(nowMs: number): void {
    if (this.#over) {
      // Without a code Node would go on waiting for the peer to read the rest.
      this.#stream.close(this.#stream.writableFinished ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL);
    } else if (this.#deadlineMs <= nowMs) {
      this.end(new AgentError('request-deadline-exceeded', 'the deadline of the call has passed'));
    } else if (this.#heldUntilMs !== undefined && this.#heldUntilMs <= nowMs) {
      this.#heldUntilMs = undefined;
      this.#readOn();
      this.#arm();
    } else if (!this.#isRead) {
      // It may have come long ago: we are the ones who do not look.
      this.#messageDueMs = nowMs + this.#context.limits.messageMs;
      this.#arm();
    } else {
      this.end(new AgentError('request-deadline-exceeded', 'the message did not arrive whole in time'));
    }
  }

  giveUp(): void {
    this.end(new AgentError('limit-exceeded', 'too much is arriving at once: send it again a little later'));
  }

  get #isRead(): boolean {
    return !this.#paused && this.#heldUntilMs === undefined;
  }

  #readOn(): void {
    if (this.#isRead) this.#deliver();
    if (this.#isRead) this.#stream.resume();
  }

  #listen(): void {
    const stream = this.#stream;
    stream.on('data', (chunk: Buffer) => this.#push(chunk));
    stream.on('end', () => this.#endOfRequest());
    stream.on('drain', () => this.#drained());
    stream.on('wantTrailers', () => this.#sendTrailers());
    stream.on('aborted', () => this.#cancelled());
    stream.on('close', () => {
      this.#cancelled();
      this.#limit.remove();
    });
  }

  #push(chunk: Buffer): void {
    if (this.#over) return;
    this.#assembler.push(chunk);
    this.#deliver();
  }

  #endOfRequest(): void {
    this.#peerDone = true;
    if (!this.#over) this.#deliver();
  }

  /** Gives the handler what is there, until it pauses. A handler may resume from within: then the loop goes on. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      this.#deliverMessages();
      if (this.#peerDone && this.#isRead && !this.#over) this.#deliverHalfClose();
    } catch (thrown) {
      this.end(toAgentError(thrown));
    }
    this.#delivering = false;
    if (!this.#over && this.#isRead) this.#watchMessage();
  }

  #deliverMessages(): void {
    while (this.#isRead && !this.#over) {
      const message = this.#assembler.take();
      if (message === undefined) return;
      // A unary call is whole only with its end, which the same limit waits for.
      if (!this.#unary) this.#messageDueMs = NEVER;
      this.#context.unfinished.finish(this);
      this.#handler?.received(message);
      this.#assembler.release();
      this.#hold(this.#origin.messageDelayMs());
    }
  }

  /** The messages of one peer must not take the time of the others. */
  #hold(durationMs: number): void {
    if (durationMs === 0 || this.#over) return;
    this.#heldUntilMs = this.#context.deadlines.nowMs() + durationMs;
    this.#stream.pause();
    this.#arm();
  }

  #deliverHalfClose(): void {
    if (this.#toldHalfClosed) return;
    this.#toldHalfClosed = true;
    if (this.#assembler.unfinished) throw new AgentError('request-invalid', 'the call ended within a message');
    this.#handler?.halfClosed();
  }

  /** Limits how long the peer may leave a message unfinished, and how much that holds. */
  #watchMessage(): void {
    const { deadlines, limits, unfinished } = this.#context;
    const bytes = this.#assembler.unfinishedBytes;
    if (bytes > LARGEST_LENT_BYTES) unfinished.hold(this, bytes);
    if (this.#assembler.unfinished && this.#messageDueMs === NEVER)
      this.#messageDueMs = deadlines.nowMs() + limits.messageMs;
    if (this.#peerDone) this.#messageDueMs = NEVER;
    this.#arm();
  }

  #arm(): void {
    this.#limit.set(Math.min(this.#deadlineMs, this.#messageDueMs, this.#heldUntilMs ?? NEVER));
  }

  #drained(): void {
    if (this.#over) return;
    try {
      this.#handler?.drained();
    } catch (thrown) {
      this.end(toAgentError(thrown));
    }
  }

  #cancelled(): void {
    if (!this.#over) this.#finish(CALLER_GONE);
  }

  #finish(reason: AgentError | undefined): void {
    this.#over = true;
    this.#context.unfinished.finish(this);
    if (!this.#delivering) this.#assembler.release();
    // What the peer still sends is thrown away, for a while: most peers end the stream when they see our trailers.
    this.#stream.resume();
    this.#cutOffAfter(this.#context.limits.flushMs);
    // Not now: the handler may be in the middle of what made it end the call.
    queueMicrotask(() => this.#tellClosed(reason));
  }

  /** The peer has been sent all there was. */
  #sendTrailers(): void {
    this.#stream.sendTrailers(statusTrailers(this.#endError));
    this.#cutOffAfter(this.#context.limits.lingerMs);
  }

  #cutOffAfter(durationMs: number): void {
    this.#limit.set(this.#context.deadlines.nowMs() + durationMs);
  }

  #tellClosed(reason: AgentError | undefined): void {
    this.#abort.abort(reason ?? CALL_OVER);
    try {
      this.#handler?.closed();
    } catch (error) {
      this.#context.log.error('a call could not be closed', { path: this.path, error });
    }
  }
}
