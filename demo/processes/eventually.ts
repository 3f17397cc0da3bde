import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again until the answer is not undefined or false, and gives it. Rejects at the deadline with what
 * was waited for and the last error. `check` may throw to end the waiting at once.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  options: { readonly withinMs?: number; readonly check?: () => void } = {},
): Promise<T> {
  const { withinMs = 30_000, check } = options;
  const deadlineMs = performance.now() + withinMs;
  let lastError: unknown;
  for (;;) {
    check?.();
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`${what}: not within ${withinMs / 1000} s`, { cause: lastError });
    }
    await sleep(50);
  }
}
