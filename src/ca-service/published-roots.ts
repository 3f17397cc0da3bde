import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { CaProvider } from '../core/ca-provider.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { randomHex } from '../keys/random.ts';
import { type NormalizedRoots, normalizeRoots } from '../keys/roots.ts';

/** Takes roots, PEM, to where clients of the CA find them. */
export type PublishRoots = (pem: string, signal: AbortSignal) => Promise<void>;

export interface PublishedRootsOptions {
  readonly ca: Pick<CaProvider, 'roots'>;
  /** Where they are written for whoever has to trust the CA; undefined: nowhere. */
  readonly file: string | undefined;
  /**
   * Takes the roots, PEM, to whoever has to trust the CA and cannot read the file; undefined: to nobody. When it
   * rejects, it is tried again with the next `refresh`.
   */
  readonly publish: PublishRoots | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was published is published again after this time: somebody may have removed it. */
const PUBLISH_AGAIN_MS = 600_000;

/** The roots of the CA, in a PEM file that clients verify its server with. At every moment it is absent, or whole. */
export class PublishedRoots {
  readonly #options: PublishedRootsOptions;
  #roots: NormalizedRoots | undefined;
  #published: { readonly version: string; readonly atMs: number } | undefined;
  #areUsable = false;

  constructor(options: PublishedRootsOptions) {
    this.#options = options;
  }

  /** Undefined before the first `refresh`. */
  get roots(): NormalizedRoots | undefined {
    return this.#roots;
  }

  /** Whether the CA had one that is valid when it was asked last: without one it cannot sign. */
  get areUsable(): boolean {
    return this.#areUsable;
  }

  /** Asks the CA for its roots, and writes them where they have changed. Rejects with an `AgentError` naming the file. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { ca, clock } = this.#options;
    const given = await ca.roots(signal);
    this.#areUsable = false;
    const roots = normalizeRoots(given, clock.now());
    this.#areUsable = true;
    if (roots.version !== this.#roots?.version) await this.#take(roots);
    await this.#publish(roots, signal);
  }

  async #take(roots: NormalizedRoots): Promise<void> {
    const { file, log } = this.#options;
    if (file !== undefined) await write(file, roots.pem);
    this.#roots = roots;
    log.info('the CA has these roots', {
      roots: roots.count,
      version: roots.version,
      ...(file !== undefined && { file }),
    });
  }

  /** Never rejects: a CA that cannot tell its roots at the moment can still sign. */
  async #publish({ version, pem }: NormalizedRoots, signal: AbortSignal): Promise<void> {
    const { publish, clock, log } = this.#options;
    const last = this.#published;
    const isFresh = last?.version === version && clock.monotonic() - last.atMs < PUBLISH_AGAIN_MS;
    if (publish === undefined || isFresh) return;
    try {
      await publish(pem.toString('utf8'), signal);
      this.#published = { version, atMs: clock.monotonic() };
      if (last?.version !== version) log.info('the roots are published', { version });
    } catch (thrown) {
      if (signal.aborted) return;
      log.warn('the roots could not be published, which is tried again', { error: toAgentError(thrown) });
    }
  }
}

async function write(file: string, pem: Buffer): Promise<void> {
  const beside = `${file}.${randomHex(8)}.tmp`;
  try {
    await writeFile(beside, pem, { flag: 'wx', flush: true });
    // Whatever the umask: everybody may know whom to trust.
    await chmod(beside, 0o644);
    await rename(beside, file);
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined);
    const reason = cause instanceof Error ? cause.message : 'unknown error';
    throw new AgentError('settings-invalid', `--root-file cannot be written: ${reason}`, { cause });
  }
}
