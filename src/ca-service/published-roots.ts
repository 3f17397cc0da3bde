import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { AgentError } from '../core/agent-error.ts';
import type { CaProvider } from '../core/ca-provider.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { randomHex } from '../keys/random.ts';
import { type NormalizedRoots, normalizeRoots } from '../keys/roots.ts';

export interface PublishedRootsOptions {
  readonly ca: Pick<CaProvider, 'roots'>;
  /** Where they are written for whoever has to trust the CA; undefined: nowhere. */
  readonly file: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** The roots of the CA, in a PEM file that clients verify its server with. At every moment it is absent, or whole. */
export class PublishedRoots {
  readonly #options: PublishedRootsOptions;
  #roots: NormalizedRoots | undefined;

  constructor(options: PublishedRootsOptions) {
    this.#options = options;
  }

  /** Undefined before the first `refresh`. */
  get roots(): NormalizedRoots | undefined {
    return this.#roots;
  }

  /** Asks the CA for its roots, and writes them where they have changed. Rejects with an `AgentError` naming the file. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { ca, file, clock, log } = this.#options;
    const roots = normalizeRoots(await ca.roots(signal), clock.now());
    if (roots.version === this.#roots?.version) return;
    if (file !== undefined) await write(file, roots.pem);
    this.#roots = roots;
    log.info('the CA has these roots', {
      roots: roots.count,
      version: roots.version,
      ...(file !== undefined && { file }),
    });
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
