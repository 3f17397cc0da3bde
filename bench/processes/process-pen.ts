import type { ChildProcess } from 'node:child_process';
import { OwnedProcess } from './owned-process.ts';

/** Every process of a run, so that none is left when the run ends early. */
export class ProcessPen implements Disposable {
  readonly #processes = new Set<OwnedProcess>();
  #closed = false;

  /** Takes over a process that was just started. */
  own(name: string, child: ChildProcess): OwnedProcess {
    const owned = new OwnedProcess(name, child);
    this.#processes.add(owned);
    owned.failure.catch(() => this.#processes.delete(owned));
    if (this.#closed) owned.kill();
    return owned;
  }

  /** Kills what still runs, and everything that is started later. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const process of this.#processes) process.kill();
  }
}
