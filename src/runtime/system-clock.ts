import type { Clock } from '../core/clock.ts';

/** A timer never runs longer than this, so that a stepped or suspended clock is noticed within a minute. */
const LONGEST_HOP_MS = 60_000;

/** The wall clock may lag this far behind the monotonic one before it counts as set back; NTP slews it by less. */
const SET_BACK_MS = 1000;

/**
 * The machine's clock.
 *
 * Sleeping hops: Node's timers follow the monotonic clock, overflow past 24.8 days and stand still while the
 * machine is suspended, so a deadline on the wall clock has to be looked at again now and then.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleepUntil(deadlineMs, signal) {
    const lead = Date.now() - performance.now();
    while (!signal.aborted) {
      const leftMs = deadlineMs - Date.now();
      const setBackMs = lead - (Date.now() - performance.now());
      if (leftMs <= 0 || setBackMs > SET_BACK_MS) return;
      await hop(Math.min(leftMs, LONGEST_HOP_MS), signal);
    }
  },
  async sleep(durationMs, signal) {
    const endMs = performance.now() + durationMs;
    for (let leftMs = durationMs; leftMs > 0 && !signal.aborted; leftMs = endMs - performance.now()) {
      await hop(Math.min(leftMs, LONGEST_HOP_MS), signal);
    }
  },
};

/** Waits by the monotonic clock. Resolves, early and without an error, when the signal aborts. */
function hop(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, durationMs);
    signal.addEventListener('abort', wake, { once: true });
  });
}
