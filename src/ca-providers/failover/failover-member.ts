import { AgentError, toAgentError } from '../../core/agent-error.ts';
import type { CaProvider, DerCertificates, SignRequest } from '../../core/ca-provider.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { sameCertificates } from '../../keys/certificate.ts';
import { readPublicKey } from '../../keys/csr.ts';
import { verifyIssuance } from '../../keys/verify-issuance.ts';
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts';
import { withTimeLimit } from '../../runtime/time-limit.ts';
import { asked, type CircuitBreaker, CLOSED, failed, givenUp, isAdmitted } from './circuit-breaker.ts';
import { asksTheNext } from './failover-policy.ts';

const WATCH_AGAIN: BackoffPolicy = { firstMs: 500, longestMs: 30_000 };

export interface FailoverMemberParts {
  readonly clock: Clock;
  readonly log: Log;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Its roots are others than before. */
  readonly onRootsChange: () => void;
}

/** One CA of several: whether it is worth asking, and the roots that it had last. */
export class FailoverMember {
  readonly #provider: CaProvider;
  readonly #parts: FailoverMemberParts;
  #breaker: CircuitBreaker = CLOSED;
  #roots: DerCertificates | undefined;

  constructor(provider: CaProvider, parts: FailoverMemberParts) {
    this.#provider = provider;
    this.#parts = parts;
  }

  get name(): string {
    return this.#provider.name;
  }

  /** Its roots as they are known, also while it is out of reach. */
  get knownRoots(): DerCertificates {
    return this.#roots ?? [];
  }

  /** Whether it may be asked in its turn. */
  get admitted(): boolean {
    return isAdmitted(this.#breaker, this.#parts.clock.monotonic());
  }

  /** Signs within a share of the time that the request has. What is wrong with the answer counts as its failure. */
  async sign(request: SignRequest, limitMs: number, signal: AbortSignal): Promise<DerCertificates> {
    const { clock } = this.#parts;
    this.#breaker = asked(this.#breaker, clock.monotonic());
    try {
      const chain = await this.#within(limitMs, 'sign', signal, (limited) => this.#signVerified(request, limited));
      this.#close();
      return chain;
    } catch (thrown) {
      const error = toAgentError(thrown);
      if (signal.aborted) this.#breaker = givenUp(this.#breaker, clock.monotonic());
      else if (asksTheNext(error)) this.#fail(error);
      // A refusal is an answer.
      else this.#close();
      throw error;
    }
  }

  async readRoots(limitMs: number, signal: AbortSignal): Promise<DerCertificates> {
    return await this.#within(limitMs, 'give its roots', signal, (limited) => this.#readRoots(limited));
  }

  /** Follows its roots, where it tells of them, until the signal aborts. Never rejects. */
  async followRoots(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#parts;
    if (this.#provider.watchRoots === undefined) return;
    for (let failures = 0; !signal.aborted; ) {
      try {
        for await (const roots of this.#provider.watchRoots(signal)) {
          this.#learn(roots);
          failures = 0;
        }
        if (signal.aborted) return;
      } catch (thrown) {
        const error = toAgentError(thrown);
        log.warn('a CA does not tell of its roots any more; trying again', { provider: this.name, error });
      }
      failures++;
      await clock.sleep(backoffMs(WATCH_AGAIN, failures, random()), signal);
    }
  }

  async #signVerified(request: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    // Its roots first: they have to be in everybody's bundle when its first certificate is.
    if (this.knownRoots.length === 0) await this.#readRoots(signal);
    const chain = await this.#provider.sign(request, signal);
    const publicKeyDer = readPublicKey(request.csr);
    const verify = (roots: DerCertificates): unknown =>
      verifyIssuance({ chain, roots, spiffeId: request.id, publicKeyDer, nowMs: this.#parts.clock.now() });
    try {
      verify(this.knownRoots);
    } catch {
      // Its root may be new.
      verify(await this.#readRoots(signal));
    }
    return chain;
  }

  async #readRoots(signal: AbortSignal): Promise<DerCertificates> {
    const roots = await this.#provider.roots(signal);
    this.#learn(roots);
    return roots;
  }

  #learn(roots: DerCertificates): void {
    const before = this.#roots;
    this.#roots = roots;
    if (before === undefined || !sameCertificates(before, roots)) this.#parts.onRootsChange();
  }

  #within<T>(
    limitMs: number,
    what: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const onTimeout = (): AgentError =>
      new AgentError('ca-timeout', `it did not ${what} within ${Math.round(limitMs)} ms, its share of CA_TIMEOUT`);
    return withTimeLimit(this.#parts.clock, limitMs, signal, onTimeout, work);
  }

  #close(): void {
    if (this.#breaker.state !== 'closed')
      this.#parts.log.info('a CA is asked in its turn again', { provider: this.name });
    this.#breaker = CLOSED;
  }

  #fail(error: AgentError): void {
    const { clock, log, random } = this.#parts;
    const { retryAfterMs } = error;
    const nowMs = clock.monotonic();
    const before = this.#breaker;
    this.#breaker = failed(before, { nowMs, retryAfterMs, random: random() });
    if (this.#breaker.state !== 'open' || this.#breaker === before) return;
    const { probeAtMs } = this.#breaker;
    log.warn('a CA fails again and again: the others are asked before it', {
      provider: this.name,
      error,
      probeInMs: Math.round(probeAtMs - nowMs),
    });
  }
}
