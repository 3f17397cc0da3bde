import { AgentError } from '../../core/agent-error.ts';
import type { CaProvider, DerCertificates, SignRequest } from '../../core/ca-provider.ts';
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts';
import { orAborted, throwIfAborted } from '../../runtime/or-aborted.ts';
import { withTimeLimit } from '../../runtime/time-limit.ts';
import { Changes } from '../changes.ts';
import { Secrets } from '../without-secrets.ts';
import { checkChain, checkRoots } from './check-answer.ts';
import { UnusableModule } from './load-plug-in.ts';
import type { Question } from './plug-in-messages.ts';
import { PlugInThread, type PlugInThreadParts } from './plug-in-thread.ts';

/** A module and what it makes have to be there by then. */
const START_LIMIT_MS = 30_000;
/** Between the end of a plug-in's thread and the start of the next one. */
const RESTARTS: BackoffPolicy = { firstMs: 1000, longestMs: 60_000 };

export interface IsolatedProviderParts extends Pick<PlugInThreadParts, 'start' | 'clock' | 'log'> {
  /** Ends the plug-in. */
  readonly lifetime: AbortSignal;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * A CA provider that somebody else wrote, kept at arm's length: it runs in a thread of its own, which is started
 * again when it has ended, and everything that it answers or throws is looked at before it goes any further.
 */
export class IsolatedProvider implements CaProvider {
  /** Only where the plug-in has it: its absence tells the cache to ask now and then. */
  watchRoots?: (signal: AbortSignal) => AsyncIterable<DerCertificates>;
  readonly #parts: IsolatedProviderParts;
  readonly #rootChanges = new Changes();
  #name = '';
  #roots: DerCertificates = [];
  #thread: PlugInThread | undefined;
  #starting: Promise<PlugInThread> | undefined;
  #failures = 0;
  #restartAtMs = Number.NEGATIVE_INFINITY;

  private constructor(parts: IsolatedProviderParts) {
    this.#parts = parts;
    parts.lifetime.addEventListener('abort', () => this.#thread?.stop(), { once: true });
  }

  /**
   * Loads the module.
   *
   * @throws UnusableModule, saying what is wrong with it
   */
  static async load(parts: IsolatedProviderParts): Promise<IsolatedProvider> {
    const provider = new IsolatedProvider(parts);
    const { name, watchesRoots } = await provider.#start();
    provider.#name = name;
    if (watchesRoots) {
      provider.watchRoots = (signal) => provider.#rootChanges.watch(() => provider.#roots, signal);
    }
    return provider;
  }

  get name(): string {
    return this.#name;
  }

  async sign({ id, csr, ttlMs, token }: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    // A copy: the whole buffer that an array is a view of would go to the other thread.
    const question: Question = { kind: 'sign', spiffeId: id, csr: new Uint8Array(csr), ttlMs, token: token.reveal() };
    return checkChain(await this.#ask(question, [new Secrets(question.token, csr)], signal));
  }

  async roots(signal: AbortSignal): Promise<DerCertificates> {
    return checkRoots(await this.#ask({ kind: 'roots' }, [], signal));
  }

  async #ask(question: Question, secrets: readonly Secrets[], signal: AbortSignal): Promise<unknown> {
    throwIfAborted(signal);
    const thread = await orAborted(this.#running(), signal);
    const answer = await thread.ask(question, secrets, signal);
    this.#failures = 0;
    return answer;
  }

  /** The thread, started again if it has ended. */
  async #running(): Promise<PlugInThread> {
    if (this.#thread?.alive) return this.#thread;
    const waitMs = this.#restartAtMs - this.#parts.clock.monotonic();
    if (waitMs > 0) {
      throw new AgentError('ca-unavailable', 'the CA module has ended and is started again in a moment', {
        retryAfterMs: waitMs,
      });
    }
    this.#starting ??= this.#startAgain().finally(() => {
      this.#starting = undefined;
    });
    return await this.#starting;
  }

  async #startAgain(): Promise<PlugInThread> {
    try {
      return await this.#start();
    } catch (thrown) {
      if (!(thrown instanceof UnusableModule)) throw thrown;
      this.#postpone();
      throw new AgentError('ca-unavailable', `the CA module cannot be started again: ${thrown.message}`);
    }
  }

  async #start(): Promise<PlugInThread> {
    const { clock, lifetime } = this.#parts;
    const onTimeout = (): UnusableModule =>
      new UnusableModule(`it is not there after ${START_LIMIT_MS / 1000} seconds`);
    const thread = await withTimeLimit(clock, START_LIMIT_MS, lifetime, onTimeout, (limited) =>
      PlugInThread.start(
        { ...this.#parts, onRoots: (roots) => this.#learn(roots), onEnd: (fault) => this.#note(fault) },
        limited,
      ),
    );
    this.#thread = thread;
    return thread;
  }

  #learn(roots: unknown): void {
    try {
      this.#roots = checkRoots(roots);
      this.#rootChanges.notify();
    } catch (error) {
      this.#parts.log.warn('the CA module told of roots that are none', { error });
    }
  }

  #note(fault: string): void {
    this.#postpone();
    this.#parts.log.error('the CA module has ended; it is started again when it is needed', { fault });
  }

  #postpone(): void {
    const { clock, random } = this.#parts;
    this.#failures++;
    this.#restartAtMs = clock.monotonic() + backoffMs(RESTARTS, this.#failures, random());
  }
}
