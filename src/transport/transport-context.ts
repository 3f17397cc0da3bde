import type { PeerCredentials } from '../core/caller.ts';
import type { Log } from '../core/log.ts';
import type { GrpcMethods, HttpRoutes } from '../core/rpc.ts';
import type { Deadlines } from './deadlines.ts';
import type { MessageBuffers } from './message-buffers.ts';
import type { TransportLimits } from './transport-limits.ts';
import type { UnfinishedMessages } from './unfinished-messages.ts';

/** What all connections of a listener share. */
export interface TransportContext {
  readonly methods: GrpcMethods;
  readonly routes: HttpRoutes;
  readonly limits: TransportLimits;
  readonly deadlines: Deadlines;
  readonly unfinished: UnfinishedMessages;
  readonly buffers: MessageBuffers;
  readonly log: Log;
}

/** Where a call comes from. */
export interface CallOrigin {
  readonly connectionId: number;
  readonly peer: PeerCredentials | undefined;
  readonly peerAddress: string | undefined;
  callerKnown(): void;
}
