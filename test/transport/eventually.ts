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

/** Polls until the value has stayed the same for a while, and gives it. */
export async function settled(value: () => number): Promise<number> {
  let last = value();
  let unchanged = 0;
  await eventually('it settles', () => {
    unchanged = value() === last ? unchanged + 1 : 0;
    last = value();
    return unchanged === 20;
  });
  return last;
}
