import type { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { LimitMeter } from '../core/meters.ts';
import { type PeerLimit, peerLimitExceeded } from '../core/peer-limit.ts';
import { Seldom } from '../runtime/seldom.ts';
import { TokenBuckets } from '../runtime/token-buckets.ts';
import type { PeerAccount } from './peer-account.ts';
import type { TransportLimits } from './transport-limits.ts';

/** Peers can be refused as often as they like; the log takes one line in this time. */
const LOG_INTERVAL_MS = 10_000;

/** A stream or a unary call of gRPC, or an HTTP request. */
export type CallKind = 'call' | 'poll';

export interface CallLimitsOptions {
  readonly clock: Clock;
  readonly meter: LimitMeter;
  readonly log: Log;
}

/** Bounds how many calls each peer has open, how fast it opens them, and how fast it is listened to. */
export class CallLimits {
  readonly #limits: TransportLimits;
  readonly #meter: LimitMeter;
  readonly #log: Log;
  readonly #told: Seldom;
  readonly #calls: TokenBuckets<string>;
  readonly #refusals: TokenBuckets<string>;
  readonly #messages: TokenBuckets<string>;

  constructor(limits: TransportLimits, { clock, meter, log }: CallLimitsOptions) {
    const { newCallsPerSecond, newCallsBurst, messagesPerSecond, messagesBurst } = limits;
    this.#limits = limits;
    this.#meter = meter;
    this.#log = log;
    this.#told = new Seldom(clock);
    this.#calls = new TokenBuckets({ perSecond: newCallsPerSecond, burst: newCallsBurst, clock });
    this.#refusals = new TokenBuckets({ perSecond: newCallsPerSecond, burst: 1, clock });
    this.#messages = new TokenBuckets({ perSecond: messagesPerSecond, burst: messagesBurst, clock });
  }

  /**
   * Counts one more call of a peer, until `close`; or gives why it is refused, and counts that. A poll is no new stream:
   * an Envoy with many secrets that asks by REST makes hundreds of them a second, for ever. It is paced like a message.
   */
  open(account: PeerAccount, kind: CallKind): AgentError | undefined {
    const { maxCallsPerPeer, newCallsPerSecond } = this.#limits;
    if (kind === 'call' && !this.#calls.take(account.key)) {
      return this.#refuse(account, 'new_streams', newCallsPerSecond, 'open them more slowly');
    }
    if (account.calls >= maxCallsPerPeer) {
      return this.#refuse(account, 'streams_per_peer', maxCallsPerPeer, 'end some that are open');
    }
    account.calls++;
    return undefined;
  }

  close(account: PeerAccount): void {
    account.calls--;
  }

  /** How long the peer's next refusal has to wait: so being refused is no way to keep us busy. */
  refusalDelayMs(account: PeerAccount): number {
    return this.#refusals.reserve(account.key);
  }

  /** How long the peer's next message has to wait; it counts from now on. */
  messageDelayMs(account: PeerAccount): number {
    return this.#messages.reserve(account.key);
  }

  #refuse({ key }: PeerAccount, limit: PeerLimit, allowed: number, advice: string): AgentError {
    this.#meter.refused(limit);
    const times = this.#told.again(LOG_INTERVAL_MS);
    if (times !== undefined) {
      const fields = { peer: key, limit, allowed, ...(times > 1 && { alsoRefused: times - 1 }) };
      this.#log.warn('a peer opens too many streams', fields);
    }
    return peerLimitExceeded(limit, allowed, advice);
  }
}
