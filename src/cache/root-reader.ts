import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { CaProvider, DerCertificates } from '../core/ca-provider.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Seldom } from '../runtime/seldom.ts';
import { SharedWork } from '../runtime/shared-work.ts';
import { withTimeLimit } from '../runtime/time-limit.ts';
import { rootsDelayMs } from './retry-policy.ts';

/** Roots are read again this often, also where the CA tells of changes: expired ones have to go … */
const REREAD_MS = 10 * 60 * 1000;

/** … and this often while there are some that only older certificates need. */
const REVIEW_MS = 60 * 1000;

/** While roots are known, failures to read them again are no news more often than this; else they are. */
const LOG_MS = 10 * 60 * 1000;
const LOUD_LOG_MS = 60 * 1000;

export interface RootReaderParts {
  readonly provider: CaProvider;
  /** How long the CA may take for one answer. */
  readonly timeLimitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The CA is about to be asked again after a failure. */
  readonly onRetry: () => void;
  readonly random: () => number;
}

/** What becomes of the roots that were read. */
export interface RootLearner {
  /** Takes over what the CA told; throws where that is of no use. Gives the roots that are trusted then. */
  learn(read: DerCertificates): DerCertificates;
  /** Time has passed and the CA has said nothing. */
  review(): void;
  readonly isEmpty: boolean;
  /** Whether a review is of use soon. */
  readonly keepsOlderRoots: boolean;
}

/** Asks the CA for its roots: once for all who ask at the same time, again and again, and whenever it tells of a change. */
export class RootReader {
  readonly #parts: RootReaderParts;
  readonly #learner: RootLearner;
  #reading: SharedWork<DerCertificates> | undefined;
  #failed = false;

  constructor(parts: RootReaderParts, learner: RootLearner) {
    this.#parts = parts;
    this.#learner = learner;
  }

  /** Whether the CA could not give its roots when it was asked last. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Reads now, or takes part in a reading that has begun. Whoever gives up takes it away from nobody else. */
  read(signal: AbortSignal): Promise<DerCertificates> {
    const running = this.#reading;
    if (running !== undefined && !running.abandoned) return running.join(signal);
    const work = new SharedWork(async (shared) => {
      try {
        const roots = await this.#readOnce(shared);
        this.#failed = false;
        return roots;
      } catch (thrown) {
        this.#failed ||= !shared.aborted;
        throw thrown;
      } finally {
        if (this.#reading === work) this.#reading = undefined;
      }
    });
    this.#reading = work;
    return work.join(signal);
  }

  /** Reads and follows the roots until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#readAgainAndAgain(signal), this.#watch(signal)]);
  }

  async #readOnce(signal: AbortSignal): Promise<DerCertificates> {
    const { provider, clock, timeLimitMs } = this.#parts;
    const onTimeout = (): AgentError =>
      new AgentError('ca-timeout', `${provider.name} did not give its roots within ${timeLimitMs} ms`);
    const read = await withTimeLimit(clock, timeLimitMs, signal, onTimeout, (limited) => provider.roots(limited));
    return this.#learner.learn(read);
  }

  async #readAgainAndAgain(signal: AbortSignal): Promise<void> {
    const { clock, onRetry, random } = this.#parts;
    const seldom = new Seldom(clock);
    let failures = 0;
    while (!signal.aborted) {
      let waitMs = REREAD_MS;
      if (failures > 0) onRetry();
      try {
        await this.read(signal);
        failures = 0;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = toAgentError(thrown);
        waitMs = rootsDelayMs(++failures, random(), error);
        this.#logFailure(error, seldom);
        this.#learner.review();
      }
      await clock.sleep(this.#learner.keepsOlderRoots ? Math.min(waitMs, REVIEW_MS) : waitMs, signal);
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { provider, clock, log, random } = this.#parts;
    if (provider.watchRoots === undefined) return;
    const seldom = new Seldom(clock);
    let failures = 0;
    while (!signal.aborted) {
      let error: AgentError | undefined;
      try {
        for await (const roots of provider.watchRoots(signal)) {
          this.#learner.learn(roots);
          failures = 0;
        }
        if (signal.aborted) return;
      } catch (thrown) {
        error = toAgentError(thrown);
        if (seldom.again(LOG_MS) !== undefined) {
          log.warn('the CA does not tell of its roots any more; trying again', { error });
        }
      }
      await clock.sleep(rootsDelayMs(++failures, random(), error), signal);
    }
  }

  #logFailure(error: AgentError, seldom: Seldom): void {
    const { log } = this.#parts;
    const { isEmpty } = this.#learner;
    const failures = seldom.again(isEmpty ? LOUD_LOG_MS : LOG_MS);
    if (failures === undefined) return;
    if (isEmpty) log.warn('no roots from the CA, and none are known: nothing can be issued', { error, failures });
    else log.warn('no roots from the CA; the bundle that is there is kept and served', { error, failures });
  }
}
