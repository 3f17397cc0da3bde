import { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { TransportMeter } from '../core/meters.ts';
import type { GrpcMethods, HttpRoutes } from '../core/rpc.ts';

export interface SocketListenerOptions {
  /** Where the socket is made: absolute or relative, at most 107 bytes. */
  readonly path: string;
  /** The socket's permission bits, for example 0o666. */
  readonly mode: number;
  /** The group that the socket is given to; undefined leaves it as the directory decides. */
  readonly gid?: number | undefined;
  readonly methods: GrpcMethods;
  readonly routes: HttpRoutes;
  readonly log: Log;
  readonly meter: TransportMeter;
  readonly clock: Clock;
}

/** Serves gRPC and HTTP/1.1 on one unix socket. */
export class SocketListener {
  readonly #options: SocketListenerOptions;

  constructor(options: SocketListenerOptions) {
    this.#options = options;
  }

  /** Makes the socket and accepts connections. Rejects with an `AgentError` `socket-unusable` that says what to do. */
  async listen(): Promise<void> {
    throw new AgentError('internal', `not built yet: ${this.#options.path}`);
  }

  /**
   * Accepts nothing new, ends every stream with UNAVAILABLE and waits up to `graceMs` until all has been flushed;
   * what is left is cut off. Then removes the socket, unless it is another agent's by now.
   */
  async drain(graceMs: number): Promise<void> {
    throw new AgentError('internal', `not built yet: ${graceMs}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }
}
