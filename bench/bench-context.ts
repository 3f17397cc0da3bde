import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchOptions } from './bench-options.ts';
import { ProcessPen } from './processes/process-pen.ts';

/** What every scenario of a run shares: its processes, its folder, its voice and its end. */
export class BenchContext implements Disposable {
  readonly options: BenchOptions;
  readonly pen = new ProcessPen();
  readonly signal: AbortSignal;
  readonly #folder: string;
  #folders = 0;

  /** @param signal ends the run: pauses reject, processes are killed when this is disposed of */
  constructor(options: BenchOptions, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
    this.#folder = mkdtempSync(join(tmpdir(), 'sds-bench-'));
  }

  /** How often to measure: so often, or once when it shall be quick. */
  rounds(wanted: number): number {
    return this.options.quick ? 1 : wanted;
  }

  /** A new folder that is removed after the run. */
  newFolder(): string {
    this.#folders++;
    const folder = join(this.#folder, String(this.#folders));
    mkdirSync(folder, { mode: 0o700 });
    return folder;
  }

  /** Lets time pass. Rejects when the run is ended. */
  async pause(durationMs: number): Promise<void> {
    await sleep(durationMs, undefined, { signal: this.signal });
  }

  /** Progress, on stderr: stdout is for results. */
  say(text: string): void {
    process.stderr.write(`▸ ${text}\n`);
  }

  [Symbol.dispose](): void {
    this.pen[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
