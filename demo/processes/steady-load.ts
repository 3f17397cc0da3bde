import { Agent } from 'node:http';
import { httpOverUnix } from './http-over-unix.ts';

/** What became of the requests so far. */
export interface LoadCount {
  readonly ok: number;
  readonly failed: number;
  /** What was wrong with the first ones that failed. */
  readonly failures: readonly string[];
}

const REMEMBERED_FAILURES = 10;

/** Sends requests at a steady rate to a unix socket, whether earlier ones were answered or not. */
export class SteadyLoad {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #timer: NodeJS.Timeout;
  readonly #pending = new Set<Promise<void>>();
  readonly #failures: string[] = [];
  #ok = 0;
  #failed = 0;

  constructor(socketPath: string, perSecond: number) {
    this.#socketPath = socketPath;
    const startedMs = performance.now();
    let sent = 0;
    // Timers drift, and a busy machine skips some: what is missing is sent at the next one.
    this.#timer = setInterval(() => {
      for (const due = ((performance.now() - startedMs) / 1000) * perSecond; sent < due; sent++) this.#send();
    }, 1000 / perSecond);
  }

  get count(): LoadCount {
    return { ok: this.#ok, failed: this.#failed, failures: this.#failures };
  }

  /** Sends no more, and gives the count once every request has been answered or has failed. */
  async stop(): Promise<LoadCount> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    this.#agent.destroy();
    return this.count;
  }

  #send(): void {
    const sending: Promise<void> = this.#ask()
      .catch((error: unknown) => this.#fail(String(error)))
      .finally(() => this.#pending.delete(sending));
    this.#pending.add(sending);
  }

  async #ask(): Promise<void> {
    const { status, body } = await httpOverUnix(this.#socketPath, '/', { agent: this.#agent, timeoutMs: 10_000 });
    if (status === 200) this.#ok++;
    else this.#fail(`${status} ${body}`);
  }

  #fail(reason: string): void {
    this.#failed++;
    if (this.#failures.length < REMEMBERED_FAILURES) this.#failures.push(`${new Date().toISOString()} ${reason}`);
  }
}
