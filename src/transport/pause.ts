import { type Deadlines, TimeLimit } from './deadlines.ts';

/** Resolves after this time, with the timer that all limits of a listener share. When the listener is gone, never. */
export function pause(deadlines: Deadlines, durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    new TimeLimit(deadlines, { expired: () => resolve() }).set(deadlines.nowMs() + durationMs);
  });
}
