import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';

interface Watched {
  readonly watcher: FSWatcher;
  /** Tells whether the directory is still the one that was there. */
  readonly inode: string;
}

/**
 * Word from the kernel of changes in directories, of some names each. It is a help and no promise: a directory that
 * cannot be watched (it is not there, it may not be read, the kernel has no watches left) is passed over.
 */
export class DirectoryWatches implements Disposable {
  readonly #onChange: () => void;
  readonly #watched = new Map<string, Watched>();
  #names: ReadonlyMap<string, ReadonlySet<string>> = new Map();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches these names in these directories from now on, and nothing else. */
  async set(names: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
    this.#names = names;
    for (const directory of this.#watched.keys()) if (!names.has(directory)) this.#forget(directory);
    for (const directory of names.keys()) await this.#watch(directory);
  }

  [Symbol.dispose](): void {
    for (const directory of this.#watched.keys()) this.#forget(directory);
  }

  async #watch(directory: string): Promise<void> {
    const inode = await inodeOf(directory);
    if (this.#watched.get(directory)?.inode === inode) return;
    this.#forget(directory);
    if (inode === undefined) return;
    try {
      const watcher = watch(directory, (_event, name) => {
        if (name === null || this.#names.get(directory)?.has(name)) this.#onChange();
      });
      watcher.on('error', () => this.#forget(directory));
      this.#watched.set(directory, { watcher, inode });
    } catch {
      // It has gone, or the kernel has no watches left.
    }
  }

  #forget(directory: string): void {
    this.#watched.get(directory)?.watcher.close();
    this.#watched.delete(directory);
  }
}

async function inodeOf(directory: string): Promise<string | undefined> {
  const found = await stat(directory, { bigint: true }).catch(() => undefined);
  return found?.isDirectory() ? `${found.dev}:${found.ino}` : undefined;
}
