import type { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Call } from '../core/rpc.ts';
import { Seldom } from '../runtime/seldom.ts';

/** A peer can be refused as often as it likes; the log takes one line in this time. */
const INTERVAL_MS = 1000;

/** Tells the operator who was refused what, and why, without letting a peer fill the log. */
export class RefusalLog {
  readonly #log: Log;
  readonly #seldom: Seldom;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#seldom = new Seldom(clock);
  }

  refused({ path, peer, peerAddress, connectionId }: Call, error: AgentError): void {
    const times = this.#seldom.again(INTERVAL_MS);
    if (times === undefined) return;
    this.#log.warn('a caller was refused', {
      error,
      method: path,
      connection: connectionId,
      ...(peer && { pid: peer.pid, uid: peer.uid }),
      ...(peerAddress !== undefined && { peer: peerAddress }),
      ...(times > 1 && { alsoRefused: times - 1 }),
    });
  }
}
