import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { BenchContext } from '../bench-context.ts';
import type { OwnedProcess } from '../processes/owned-process.ts';
import type { LoadAnswer, LoadOrder, Opened, Opening, Pushes } from './load-order.ts';

const MAIN = new URL('./load-main.js', import.meta.url);

/** The load client as a process of its own, so that its work is not counted as the server's. */
export class LoadProcess implements AsyncDisposable {
  readonly #child;
  readonly #owned: OwnedProcess;

  constructor(context: BenchContext) {
    this.#child = fork(MAIN, { detached: true, execArgv: [] });
    this.#owned = context.pen.own('the load client', this.#child);
  }

  get pid(): number {
    return this.#owned.pid;
  }

  /** Opens connections; resolves when each of their streams has its first secret. */
  async open(opening: Opening): Promise<Opened> {
    const answer = await this.#ask({ order: 'open', ...opening });
    if (answer.answer !== 'opened') throw unexpected(answer);
    return answer;
  }

  /** Starts to count and time what arrives. */
  async watch(): Promise<void> {
    await this.#ask({ order: 'watch' });
  }

  /** What has arrived since `watch`, for each group and name. */
  async report(): Promise<readonly Pushes[]> {
    const answer = await this.#ask({ order: 'report' });
    if (answer.answer !== 'report') throw unexpected(answer);
    return answer.pushes;
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#ask({ order: 'close' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.stop();
  }

  async #ask(order: LoadOrder): Promise<LoadAnswer> {
    const answered = once(this.#child, 'message').then(([answer]): LoadAnswer => answer);
    this.#child.send(order);
    return await Promise.race([answered, this.#owned.failure]);
  }
}

function unexpected({ answer }: LoadAnswer): Error {
  return new Error(`the load client gave the answer ${answer} to another order`);
}
