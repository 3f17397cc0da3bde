import type { OutgoingHttpHeaders } from 'node:http2';
import type { AgentError } from '../core/agent-error.ts';
import { GrpcStatus, toGrpcStatus } from '../core/grpc-status.ts';
import { encodeStatusMessage } from './status-message.ts';

/** The headers of an answer that has messages. */
export const RESPONSE_HEADERS: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc' };

/** Options of `respond`. Nobody reads the date, and `sendDate` is missing from its type only. */
export const ENDS_WITH_TRAILERS = { waitForTrailers: true, sendDate: false };
export const ENDS_STREAM = { endStream: true, sendDate: false };

const OK_TRAILERS: OutgoingHttpHeaders = { 'grpc-status': String(GrpcStatus.OK) };

/** The trailers that end a call: OK, or the status of the error with its message. */
export function statusTrailers(error: AgentError | undefined): OutgoingHttpHeaders {
  if (error === undefined) return OK_TRAILERS;
  const trailers: OutgoingHttpHeaders = {
    'grpc-status': String(GrpcStatus[toGrpcStatus(error.code)]),
    'grpc-message': encodeStatusMessage(error.message),
  };
  // Who sent something compressed is told what would have been understood (gRPC compression specification).
  if (error.code === 'request-unimplemented') trailers['grpc-accept-encoding'] = 'identity';
  return trailers;
}

/** Headers and trailers in one, for a call that ends before its first message. */
export function trailersOnly(error: AgentError | undefined): OutgoingHttpHeaders {
  return { ...RESPONSE_HEADERS, ...statusTrailers(error) };
}
