import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A process of its own that does what a script says, a line on its stdin at a time; it has ended when this is disposed of. */
export class ForeignProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  /** @param script of Node; `lines` is a readline interface of stdin, `say` writes a line that `hear` gives */
  constructor(script: string, args: readonly string[], options: SpawnOptions = {}) {
    const prelude =
      "const lines = require('node:readline').createInterface({ input: process.stdin });" +
      "const say = (text) => process.stdout.write(text + '\\n');";
    this.#child = spawn(process.execPath, ['-e', prelude + script, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      ...options,
    });
    this.#closed = once(this.#child, 'close');
    const { stdout } = this.#child;
    if (stdout === null) throw new TypeError('stdout has to be a pipe');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process could not be started');
    return this.#child.pid;
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The next line that it says. */
  async hear(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('the process has ended');
    return value;
  }

  async ended(): Promise<void> {
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
