import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { BenchContext } from '../bench-context.ts';
import type { IssuanceCost, IssuanceOrder } from './issuance-order.ts';

const MAIN = new URL('./client-main.js', import.meta.url);

/** Has a new process do the work, and measure itself. */
export async function runClient(context: BenchContext, order: IssuanceOrder): Promise<IssuanceCost> {
  const { profileFolder } = context.options;
  const execArgv = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const child = fork(MAIN, { detached: true, execArgv });
  const owned = context.pen.own(`the client of ${order.work}`, child);
  const answered = once(child, 'message').then(([cost]): IssuanceCost => cost);
  child.send(order);
  const cost = await Promise.race([answered, owned.failure]);
  await owned.stop();
  return cost;
}
