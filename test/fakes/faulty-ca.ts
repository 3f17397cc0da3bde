import { AgentError } from '../../src/core/agent-error.ts';
import type { CaProvider, DerCertificates, SignRequest } from '../../src/core/ca-provider.ts';
import type { Clock } from '../../src/core/clock.ts';

/** What is wrong with a CA: it is gone, takes requests and never answers, or answers with bytes that are none of its. */
export type Fault = 'down' | 'hangs' | 'corrupts';

/**
 * Stands between the agent and a CA that works, makes it slow, wrong, overloaded or gone, and keeps when it was asked.
 * Its fields are the knobs of a test; they apply to requests that come after they were turned.
 */
export class FaultyCa implements CaProvider {
  readonly #ca: CaProvider;
  readonly #clock: Clock;
  fault: Fault | undefined;
  /** How long each signature takes. */
  delayMs = 0;
  /** More within a second are refused with `ca-overloaded` … */
  capacityPerSecond = Number.POSITIVE_INFINITY;
  /** … and asked to come back after this. */
  retryAfterMs = 0;
  /** When each signature was asked for, by the monotonic clock. */
  readonly askedAtMs: number[] = [];
  inFlight = 0;
  mostInFlight = 0;

  constructor(ca: CaProvider, clock: Clock) {
    this.#ca = ca;
    this.#clock = clock;
  }

  get name(): string {
    return this.#ca.name;
  }

  async sign(request: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    this.askedAtMs.push(this.#clock.monotonic());
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      if (this.delayMs > 0) await this.#clock.sleep(this.delayMs, signal);
      await this.#fail(signal);
      if (this.#withinTheLastSecond() > this.capacityPerSecond) {
        const { retryAfterMs } = this;
        throw new AgentError('ca-overloaded', 'the CA has too many requests', { retryAfterMs });
      }
      const chain = await this.#ca.sign(request, signal);
      return this.fault === 'corrupts' ? chain.map((der) => der.map((byte) => byte ^ 0x55)) : chain;
    } finally {
      this.inFlight--;
    }
  }

  async roots(signal: AbortSignal): Promise<DerCertificates> {
    await this.#fail(signal);
    return this.#ca.roots(signal);
  }

  watchRoots(signal: AbortSignal): AsyncIterable<DerCertificates> {
    return this.#ca.watchRoots?.(signal) ?? nothing();
  }

  /** The most signatures that were asked for within any second. */
  mostWithinASecond(): number {
    let most = 0;
    for (let first = 0, last = 0; last < this.askedAtMs.length; last++) {
      while ((this.askedAtMs[last] ?? 0) - (this.askedAtMs[first] ?? 0) >= 1000) first++;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  #withinTheLastSecond(): number {
    const sinceMs = this.#clock.monotonic() - 1000;
    return this.askedAtMs.filter((atMs) => atMs > sinceMs).length;
  }

  async #fail(signal: AbortSignal): Promise<void> {
    if (this.fault === 'down') throw new AgentError('ca-unavailable', 'the CA is down');
    if (this.fault !== 'hangs') return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    throw new AgentError('ca-timeout', 'the request to the CA was given up');
  }
}

async function* nothing(): AsyncGenerator<DerCertificates> {}
