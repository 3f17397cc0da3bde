import type { Clock } from '../core/clock.ts';

/** Made once: without a reason each abort would make an exception with a stack. */
const DONE = Symbol('the work is done');

/**
 * Runs work for at most so long: its signal aborts when the time is up, or when the outer signal does.
 * Work that honours its signal has then ended; work that does not is left behind, and what it throws is dropped.
 *
 * @param onTimeout makes the error to reject with
 */
export async function withTimeLimit<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  onTimeout: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const done = new AbortController();
  const stop = (): void => over.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await new Promise<T>((resolve, reject) => {
      void clock.sleep(limitMs, done.signal).then(() => {
        if (done.signal.aborted) return;
        over.abort();
        reject(onTimeout());
      });
      work(over.signal).then(resolve, reject);
    });
  } finally {
    done.abort(DONE);
    signal.removeEventListener('abort', stop);
  }
}
