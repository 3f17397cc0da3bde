import type { Clock } from '../core/clock.ts';
import { DirectoryWatches } from './directory-watches.ts';
import { pathLookups } from './path-lookups.ts';

export interface WatchFilesOptions {
  /** Absolute ones. The files, and directories on the way, need not be there yet, and may be links. */
  readonly paths: readonly string[];
  readonly clock: Clock;
  /** How long after a change it is looked, so that changes that belong together are seen together. */
  readonly settleMs: number;
  /** It is looked this often also where the kernel tells of nothing, as it does for some network file systems. */
  readonly pollMs: number;
}

/**
 * Looks at once, and whenever one of the files may be another one or have other content: written in place, replaced by
 * a rename, deleted, made, or behind a link that leads elsewhere now, as in Kubernetes' volumes (`..data`). It may look
 * when nothing has changed. It lives until the signal aborts; then no watcher and no timer is left.
 *
 * @param look is not called again before it has ended; what it throws ends the watching
 */
export async function watchFiles(
  { paths, clock, settleMs, pollMs }: WatchFilesOptions,
  look: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let noticed = new AbortController();
  const notice = (): void => noticed.abort();
  using watches = new DirectoryWatches(notice);
  signal.addEventListener('abort', notice, { once: true });
  try {
    while (!signal.aborted) {
      // Before anything is looked at: a change from now on is looked at again.
      noticed = new AbortController();
      await watches.set(await pathLookups(paths));
      if (signal.aborted) return;
      await look();
      await clock.sleep(pollMs, noticed.signal);
      if (noticed.signal.aborted) await clock.sleep(settleMs, signal);
    }
  } finally {
    signal.removeEventListener('abort', notice);
  }
}
