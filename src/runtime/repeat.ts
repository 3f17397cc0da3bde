import type { Clock } from '../core/clock.ts';

/** Does the work each time the interval has passed, until the signal aborts. What it throws is told, and ends nothing. */
export async function repeat(
  clock: Clock,
  intervalMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
  onError: (thrown: unknown) => void,
): Promise<void> {
  for (;;) {
    await clock.sleep(intervalMs, signal);
    if (signal.aborted) return;
    await work(signal).catch((thrown: unknown) => {
      if (!signal.aborted) onError(thrown);
    });
  }
}
