import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { AgentError } from '../core/agent-error.ts';
import { toGrpcStatus } from '../core/grpc-status.ts';
import { frameMessage } from './frame-message.ts';
import { GrpcCallError, type GrpcOutcome, toOutcome } from './grpc-call-error.ts';
import { MessageAssembler } from './message-assembler.ts';
import { MessageBuffers } from './message-buffers.ts';

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const ignore = (): void => {};

/**
 * The client's side of a call. Iterating gives the messages and ends after OK, or throws a `GrpcCallError`.
 * Nothing is read ahead of the iteration, so that flow control holds back a server whose client does not iterate.
 */
export class GrpcClientStream implements AsyncIterable<Buffer> {
  /** How the call ended. Never rejects. */
  readonly outcome: Promise<GrpcOutcome>;
  readonly #stream: ClientHttp2Stream;

  /** @param signal ends the call: with DEADLINE_EXCEEDED when it is a timeout's, else with CANCELLED */
  constructor(stream: ClientHttp2Stream, signal: AbortSignal | undefined) {
    this.#stream = stream;
    // Its failure is its end, which `close` reports.
    stream.on('error', ignore);
    this.outcome = new Promise((resolve) => {
      stream.on('response', (headers) => {
        const outcome = outcomeOfHeaders(headers);
        if (outcome !== undefined) resolve(outcome);
      });
      stream.on('trailers', (trailers) => {
        const outcome = outcomeOfTrailers(trailers);
        if (outcome !== undefined) resolve(outcome);
      });
      stream.on('close', () => resolve(outcomeOfClose(stream, signal)));
    });
  }

  send(message: Uint8Array): void {
    if (this.#stream.writable) this.#stream.write(frameMessage(message));
  }

  /** Sends nothing more. */
  halfClose(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    const assembler = new MessageAssembler(MAX_ANSWER_BYTES, new MessageBuffers());
    let broken = false;
    try {
      for await (const chunk of this.#stream) {
        assembler.push(chunk);
        for (let message = assembler.take(); message !== undefined; message = assembler.take()) {
          yield Buffer.from(message);
          assembler.release();
        }
      }
    } catch (thrown) {
      if (thrown instanceof AgentError) throw new GrpcCallError(toGrpcStatus(thrown.code), thrown.message);
      broken = true;
    }
    const { status, message } = await this.outcome;
    if (status !== 'OK') throw new GrpcCallError(status, message);
    if (broken) throw new GrpcCallError('UNAVAILABLE', 'the connection broke within the answer');
  }
}

/** Headers end the call where they carry its status (trailers-only), or are no gRPC answer at all. */
function outcomeOfHeaders(headers: IncomingHttpHeaders): GrpcOutcome | undefined {
  const httpStatus = Number(headers[':status']);
  if (httpStatus !== constants.HTTP_STATUS_OK) {
    return { status: 'UNKNOWN', message: `the answer is HTTP ${httpStatus}, not gRPC` };
  }
  return outcomeOfTrailers(headers);
}

function outcomeOfTrailers(trailers: IncomingHttpHeaders): GrpcOutcome | undefined {
  const status = trailers['grpc-status'];
  const message = trailers['grpc-message'];
  if (typeof status !== 'string') return undefined;
  return toOutcome(status, typeof message === 'string' ? message : undefined);
}

/** The stream is gone and nobody said with which status. */
function outcomeOfClose(stream: ClientHttp2Stream, signal: AbortSignal | undefined): GrpcOutcome {
  if (signal?.aborted) {
    const reason: unknown = signal.reason;
    const timedOut = reason instanceof DOMException && reason.name === 'TimeoutError';
    if (timedOut) return { status: 'DEADLINE_EXCEEDED', message: 'no answer in time' };
    return { status: 'CANCELLED', message: 'cancelled' };
  }
  if (stream.rstCode === constants.NGHTTP2_CANCEL) return { status: 'CANCELLED', message: 'cancelled' };
  return { status: 'UNAVAILABLE', message: `the stream broke (HTTP/2 error ${stream.rstCode ?? 'unknown'})` };
}
