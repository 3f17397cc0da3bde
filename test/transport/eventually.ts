import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the condition holds. For what another thread or the kernel decides; the deadline is generous. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > endMs) assert.fail(`never happened: ${what}`);
    await sleep(5);
  }
}
