import { GrpcStatus, type GrpcStatusName } from '../core/grpc-status.ts';
import { decodeStatusMessage } from './status-message.ts';

/** How a call ended, as the client sees it. `message` is the server's text, decoded. */
export interface GrpcOutcome {
  readonly status: GrpcStatusName;
  readonly message: string;
}

/** A call that did not end with OK. The client alone throws it; it crosses into no other room. */
export class GrpcCallError extends Error implements GrpcOutcome {
  readonly status: GrpcStatusName;

  constructor(status: GrpcStatusName, message: string) {
    super(message);
    this.name = 'GrpcCallError';
    this.status = status;
  }
}

const NAMES = new Map<string, GrpcStatusName>();
for (const name of Object.keys(GrpcStatus)) if (isStatusName(name)) NAMES.set(String(GrpcStatus[name]), name);

function isStatusName(name: string): name is GrpcStatusName {
  return name in GrpcStatus;
}

/** The outcome that the values of `grpc-status` and `grpc-message` tell; a status that is no known number is UNKNOWN. */
export function toOutcome(status: string, message: string | undefined): GrpcOutcome {
  return { status: NAMES.get(status) ?? 'UNKNOWN', message: decodeStatusMessage(message ?? '') };
}
