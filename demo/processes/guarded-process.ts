import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

/**
 * Runs the command, and kills it as soon as stdin ends: that happens when whoever started it is gone, whatever
 * way it went, `kill -9` included. Signals are passed on, SIGUSR1 and SIGUSR2 as SIGSTOP and SIGCONT.
 */
const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- & child=$!
( read -r _; kill -KILL $child ) <&3 2>/dev/null & guard=$!
trap 'kill -TERM $child' TERM
trap 'kill -STOP $child' USR1
trap 'kill -CONT $child' USR2
wait $child; status=$?
while kill -0 $child 2>/dev/null; do wait $child; status=$?; done
kill $guard 2>/dev/null
exit $status`;

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Stdout and stderr are appended here. */
  readonly logFile: string;
}

/** A child process that does not outlive this one, and writes to a log file. */
export class GuardedProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #name: string;

  constructor(options: ProcessOptions) {
    const log = openSync(options.logFile, 'a');
    const guarded = ['-c', GUARD, 'guard', options.command, ...options.args];
    this.#child = spawn('/bin/sh', guarded, {
      stdio: ['pipe', log, log],
      env: { ...process.env, ...options.env },
      // A Ctrl-C at the terminal goes to this process alone, which then ends its children in order.
      detached: true,
    });
    closeSync(log);
    this.#name = options.command;
    this.#child.stdin?.on('error', () => {});
    this.#ended = once(this.#child, 'close');
    this.#ended.catch(() => {});
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Throws when the process has ended by itself. */
  assertRunning(): void {
    if (!this.running)
      throw new Error(`${this.#name} has ended with ${this.#child.signalCode ?? this.#child.exitCode}`);
  }

  /** Asks it to end, insists after the grace time, and resolves once it is gone. */
  async stop(graceMs = 5_000): Promise<void> {
    if (!this.running) return;
    this.#child.kill('SIGTERM');
    const insist = setTimeout(() => void this.kill(), graceMs);
    await this.#ended;
    clearTimeout(insist);
  }

  /** Stops it where it is, alive but silent, until it is thawed. */
  freeze(): void {
    this.#child.kill('SIGUSR1');
  }

  thaw(): void {
    this.#child.kill('SIGUSR2');
  }

  /** Ends it as `kill -9` does, and resolves once it is gone. */
  async kill(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}
