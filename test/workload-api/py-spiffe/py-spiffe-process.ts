import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const { PY_SPIFFE_PATH, PY_SPIFFE_UNAVAILABLE } = process.env;

/** Why there is no py-spiffe, where `scripts/test.mjs` has found out and said so; then tests are reported as skipped. */
export const WITHOUT_PY_SPIFFE: string | false = PY_SPIFFE_UNAVAILABLE ?? false;

/** What the client said, a line. */
export type Said = Readonly<Record<string, unknown>>;

/** `client.py` as a process: a workload that uses the Workload API through a public library. */
export class PySpiffeProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  /** @param what the part of `client.py` to run */
  constructor(what: 'client' | 'watch' | 'refused', socket: string) {
    if (PY_SPIFFE_PATH === undefined)
      throw new Error('PY_SPIFFE_PATH is not set: run this test with `npm test`, which fetches py-spiffe');
    const env = { ...process.env, PYTHONPATH: PY_SPIFFE_PATH, SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` };
    this.#child = spawn('python3', ['test/workload-api/py-spiffe/client.py', what], { env, stdio: 'pipe' });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk;
    });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** The next line. Fails, with what the client complained of, when it has ended. */
  async next(): Promise<Said> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the client has ended: ${this.#errors}`);
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
