import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import type { BenchContext } from '../bench-context.ts';
import type { OwnedProcess } from '../processes/owned-process.ts';
import type { NoiseAnswer, NoiseOrder } from './noise-order.ts';

const MAIN = new URL('./noise-main.js', import.meta.url);

/** An Envoy as a process of its own: for the agent each is another peer. */
export class NoiseProcess implements AsyncDisposable {
  readonly #child;
  readonly #owned: OwnedProcess;

  constructor(context: BenchContext) {
    this.#child = fork(MAIN, { detached: true, execArgv: [] });
    this.#owned = context.pen.own('an Envoy', this.#child);
  }

  async obey(order: NoiseOrder): Promise<NoiseAnswer> {
    // What it needs of the processor itself is not what is measured.
    if (order.role === 'noisy') setPriority(this.#owned.pid, constants.priority.PRIORITY_LOW);
    const answered = once(this.#child, 'message').then(([answer]): NoiseAnswer => answer);
    this.#child.send(order);
    return await Promise.race([answered, this.#owned.failure]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.stop();
  }
}
