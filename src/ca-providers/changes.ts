import { EventEmitter, on } from 'node:events';

/**
 * Tells watchers that something has changed. A watcher sees every change that happens after `watch` was called,
 * also those during its own work.
 */
export class Changes {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  notify(): void {
    this.#emitter.emit('change');
  }

  /** Yields what `read` gives, once for each change, until the signal aborts; then it ends without an error. */
  watch<T>(read: () => T, signal: AbortSignal): AsyncIterable<T> {
    // Listening begins here and not with the first `next`, as it would inside the generator.
    const changes = signal.aborted ? undefined : on(this.#emitter, 'change', { signal });
    return yieldChanges(changes, read, signal);
  }
}

async function* yieldChanges<T>(
  changes: AsyncIterable<unknown> | undefined,
  read: () => T,
  signal: AbortSignal,
): AsyncGenerator<T> {
  if (changes === undefined) return;
  try {
    for await (const _ of changes) yield read();
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}
