import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Waits until stdin ends, which it does however its owner went, `kill -9` included; then the child goes too. */
const GUARD = 'read -r _; kill -KILL "$1" 2>/dev/null';

const GRACE_MS = 10_000;

/**
 * A child process that does not outlive this one. Start it with `detached`, so that a Ctrl-C at the terminal
 * reaches this process alone, which then ends its children in order.
 */
export class OwnedProcess {
  readonly pid: number;
  /** Rejects when the process ends, whatever the reason; race it with what is expected of the process. */
  readonly failure: Promise<never>;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(name: string, child: ChildProcess) {
    if (child.pid === undefined) throw new Error(`cannot start ${name}`);
    this.pid = child.pid;
    this.#child = child;
    this.#closed = once(child, 'close');
    this.failure = this.#closed.then(() => {
      throw new Error(`${name} has ended with ${child.signalCode ?? `status ${child.exitCode}`}`);
    });
    this.failure.catch(() => undefined);
    const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', String(child.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    guard.on('error', () => undefined);
    // A guard without a child would wait to kill whoever gets its number next.
    child.once('close', () => guard.kill('SIGKILL'));
  }

  /** Asks it to end, insists after a while, and resolves once it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS);
    await this.#closed;
    clearTimeout(insist);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
