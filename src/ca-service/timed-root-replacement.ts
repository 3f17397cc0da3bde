import { AgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { Clock } from '../core/clock.ts';
import type { RotatableRoot } from '../core/root-rotation.ts';

/** For what was being signed when a step was taken, and for clocks that are behind. */
const MARGIN_MS = 60_000;

/**
 * Replaces the root of a CA whose certificates are far away. Nobody there acknowledges anything, but every agent asks
 * again before its certificate ends, and then learns the roots: so each step waits until no certificate from before
 * it is left. Each step is kept by the CA; one that was broken off in its wait is waited for anew.
 */
export class TimedRootReplacement {
  readonly #root: RotatableRoot;
  readonly #longestLifeMs: number;
  readonly #clock: Clock;
  #running = false;

  /** @param longestLifeMs of any certificate that was issued */
  constructor(root: RotatableRoot, longestLifeMs: number, clock: Clock) {
    this.#root = root;
    this.#longestLifeMs = longestLifeMs;
    this.#clock = clock;
  }

  /**
   * Resolves when the old root is gone: after twice the longest life.
   *
   * @param onProgress is told each step, for people
   * @throws AgentError `limit-exceeded` while another replacement runs, `request-cancelled` when the signal aborts
   */
  async run(onProgress: (step: string) => void, signal: AbortSignal): Promise<void> {
    if (this.#running) throw new AgentError('limit-exceeded', 'the root is being replaced already: wait for that');
    this.#running = true;
    try {
      await this.#replace(onProgress, signal);
    } finally {
      this.#running = false;
    }
  }

  async #replace(onProgress: (step: string) => void, signal: AbortSignal): Promise<void> {
    if (this.#root.rootStage === 'single') {
      onProgress('making a new root');
      await this.#root.stageRoot(signal);
    }
    if (this.#root.rootStage === 'staged') {
      await this.#wait('until every agent has been told both roots', onProgress, signal);
      await this.#root.switchRoot(signal);
    }
    await this.#wait('until no certificate of the old root is left', onProgress, signal);
    onProgress('retiring the old root');
    await this.#root.retireRoot(signal);
  }

  async #wait(what: string, onProgress: (step: string) => void, signal: AbortSignal): Promise<void> {
    const waitMs = this.#longestLifeMs + MARGIN_MS;
    onProgress(`waiting ${what}: ${toIsoTime(this.#clock.now() + waitMs)}`);
    await this.#clock.sleep(waitMs, signal);
    if (signal.aborted) throw new AgentError('request-cancelled', 'the root replacement was broken off: run it again');
  }
}
