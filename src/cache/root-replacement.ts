import { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { RotatableRoot } from '../core/root-rotation.ts';
import type { BundleKeeper } from './bundle-keeper.ts';
import type { SecretCache } from './secret-cache.ts';

const POLL_MS = 50;

/** A stream that has not acknowledged by then is broken or hostile, and must not hold up the others for ever. */
const PATIENCE_MS = 60_000;

/**
 * Envoy acknowledges on its main thread; its workers take the new context over a moment later. Who polls over REST
 * acknowledges nothing: Envoy polls every `refresh_delay` and up to as much again, which our bootstraps set to 2 s.
 */
const SETTLE_MS = 5000;

/**
 * Replaces the root of a CA that the agent runs itself, without a failed handshake: everybody trusts the new root
 * before anybody presents it, and nobody presents the old one any more when it stops being trusted.
 * Each step is kept by the CA, so a replacement that was broken off is resumed by running it again.
 */
export class RootReplacement {
  readonly #root: RotatableRoot;
  readonly #bundles: BundleKeeper;
  readonly #cache: SecretCache;
  readonly #clock: Clock;
  readonly #log: Log;
  #running = false;

  constructor(root: RotatableRoot, bundles: BundleKeeper, cache: SecretCache, clock: Clock, log: Log) {
    this.#root = root;
    this.#bundles = bundles;
    this.#cache = cache;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Resolves when the old root is gone.
   *
   * @param onProgress is told each step, for people
   * @throws AgentError `limit-exceeded` while another replacement runs; that of the first identity that could not be
   *   renewed: then both roots stay trusted until this is called again
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
      onProgress('pushing the bundle with the old and the new root');
      await this.#bundles.refresh(signal);
      await this.#acknowledged('the bundle with both roots', () => this.#bundles.behind, signal);
      await this.#root.switchRoot(signal);
    }
    onProgress('renewing every certificate under the new root');
    await this.#bundles.refresh(signal);
    this.#cache.forgetIdle();
    await this.#cache.renew('all', signal);
    await this.#acknowledged('the certificates of the new root', () => this.#cache.behind, signal);
    onProgress('retiring the old root');
    await this.#root.retireRoot(signal);
    await this.#bundles.refresh(signal);
  }

  async #acknowledged(what: string, behind: () => number, signal: AbortSignal): Promise<void> {
    const giveUpMs = this.#clock.monotonic() + PATIENCE_MS;
    while (behind() > 0 && this.#clock.monotonic() < giveUpMs) {
      await this.#clock.sleep(POLL_MS, signal);
      if (signal.aborted)
        throw new AgentError('request-cancelled', 'the root replacement was broken off: run it again');
    }
    if (behind() > 0) {
      this.#log.warn('streams that did not acknowledge are not waited for', { what, streams: behind() });
    }
    await this.#clock.sleep(SETTLE_MS, signal);
  }
}
