import type { AgentError } from '../core/agent-error.ts';
import type { PeerCredentials } from '../core/caller.ts';
import type { Log } from '../core/log.ts';
import type { GrpcMethods, HttpRoutes } from '../core/rpc.ts';
import type { CallKind, CallLimits } from './call-limits.ts';
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
  readonly calls: CallLimits;
  readonly log: Log;
}

/** Where a call comes from. */
export interface CallOrigin {
  readonly connectionId: number;
  readonly peer: PeerCredentials | undefined;
  readonly peerAddress: string | undefined;
  callerKnown(): void;
  /** One more call, until `callClosed`; or why it is refused. */
  callOpened(kind: CallKind): AgentError | undefined;
  callClosed(): void;
  /** Resolves when a call that was refused is to be told; never, where the connection is closed instead. */
  beforeRefusal(): Promise<void>;
  /** How long the next message has to wait; it counts from now on. */
  messageDelayMs(): number;
}
