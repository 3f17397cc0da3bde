/**
 * Time, so that tests can own it.
 *
 * - `now` is the wall clock in milliseconds since the epoch. It can jump, both ways.
 * - `monotonic` counts milliseconds from an arbitrary point and never goes back. It may stand still while the
 *   machine is suspended.
 * - `sleepUntil` resolves once `now()` has reached the deadline, also when the clock was stepped or the machine was
 *   suspended meanwhile, noticed within a minute. It also resolves when the wall clock was set back, early, so that
 *   its caller can think again.
 * - `sleep` resolves once `monotonic()` has moved on by the duration, whatever the wall clock does.
 *
 * Both resolve without an error when the signal aborts.
 */
export interface Clock {
  now(): number;
  monotonic(): number;
  sleepUntil(deadlineMs: number, signal: AbortSignal): Promise<void>;
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}
