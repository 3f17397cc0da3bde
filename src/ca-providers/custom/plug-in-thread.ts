import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { orAborted, throwIfAborted } from '../../runtime/or-aborted.ts';
import { type Cleaner, type Secrets, withoutSecrets } from '../without-secrets.ts';
import { UnusableModule } from './load-plug-in.ts';
import { type FromPlugIn, type PlugInStart, type Question, type ToPlugIn, toFailure } from './plug-in-messages.ts';
import { readFromPlugIn } from './read-from-plug-in.ts';
import { toCaError } from './to-ca-error.ts';

/** A client of a CA that needs more than this leaks. */
const MOST_MEMORY_MB = 256;
/** So many requests that have ended are remembered for what may still be said about them. */
const LATELY = 8;
/** A thread that has not heard of an abort by then is in an endless loop. */
const DEAF_AFTER_MS = 5000;

export interface PlugInThreadParts {
  readonly start: Omit<PlugInStart, 'port'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The plug-in tells of its roots; what it gives has still to be looked at. */
  readonly onRoots: (roots: unknown) => void;
  /** The thread has ended by itself, after it had started. */
  readonly onEnd: (fault: string) => void;
}

interface Pending {
  /** What the plug-in is told and must not be shown. */
  readonly secrets: readonly Secrets[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: AgentError) => void;
}

/**
 * A plug-in in a thread of its own. Whatever it does there (throw from a timer, loop, take all memory, exit) ends
 * that thread at most: then the requests that were running are rejected, and somebody has to start another one.
 */
export class PlugInThread {
  readonly #parts: PlugInThreadParts;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #life = new AbortController();
  readonly #pending = new Map<number, Pending>();
  #lately: readonly Secrets[] = [];
  #lastId = 0;
  /** Aborts that the thread has not heard of yet. */
  readonly #unheard = new Set<number>();
  #name = '';
  #watchesRoots = false;
  #started = false;
  #onStarted: (fault: string | undefined) => void = () => undefined;

  private constructor(parts: PlugInThreadParts) {
    this.#parts = parts;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(new URL('./run-plug-in.js', import.meta.url), {
      workerData: { ...parts.start, port: port2 } satisfies PlugInStart,
      transferList: [port2],
      // The options of this process are about its own main file.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY_MB },
    });
    port1.on('message', (message: unknown) => this.#hear(readFromPlugIn(message)));
    // Whether the process may end is the worker's to say, and that only while it is waited for.
    port1.unref();
    this.#worker.on('error', (thrown) => this.#end(toFailure(thrown).message));
    this.#worker.on('exit', () => this.#end('its thread has ended'));
  }

  /**
   * Starts the thread; resolves when the plug-in is loaded.
   *
   * @throws UnusableModule, saying why
   */
  static async start(parts: PlugInThreadParts, signal: AbortSignal): Promise<PlugInThread> {
    throwIfAborted(signal);
    const thread = new PlugInThread(parts);
    const started = new Promise<void>((resolve, reject) => {
      thread.#onStarted = (fault) => {
        if (fault === undefined) resolve();
        else reject(new UnusableModule(fault));
      };
    });
    try {
      await orAborted(started, signal);
    } catch (thrown) {
      thread.stop();
      throw thrown;
    }
    thread.#started = true;
    thread.#keepProcess();
    return thread;
  }

  /** What the plug-in calls itself. */
  get name(): string {
    return this.#name;
  }

  get watchesRoots(): boolean {
    return this.#watchesRoots;
  }

  get alive(): boolean {
    return !this.#life.signal.aborted;
  }

  /**
   * Asks the plug-in; what it answers has still to be looked at.
   *
   * @throws AgentError of the `ca-*` family, without the secrets
   */
  async ask(question: Question, secrets: readonly Secrets[], signal: AbortSignal): Promise<unknown> {
    const id = ++this.#lastId;
    const answered = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { secrets, resolve, reject }));
    this.#keepProcess();
    this.#send({ kind: 'ask', id, question });
    try {
      return await orAborted(answered, signal);
    } finally {
      // Still there: nobody has answered, so the signal has aborted.
      const left = this.#take(id);
      if (left !== undefined) void this.#abort(id);
      this.#keepProcess();
    }
  }

  /** Ends the thread, and with it whatever runs there. */
  stop(): void {
    this.#started = false;
    this.#end('it was stopped');
  }

  async #abort(id: number): Promise<void> {
    this.#unheard.add(id);
    this.#send({ kind: 'abort', id });
    await this.#parts.clock.sleep(DEAF_AFTER_MS, this.#life.signal);
    if (this.#unheard.has(id)) this.#end('it is in an endless loop');
  }

  #hear(message: FromPlugIn | undefined): void {
    if (!this.alive) return;
    switch (message?.kind) {
      case undefined:
        this.#end('it has sent what is no message of ours');
        return;
      case 'ready':
        if (this.#started) return;
        this.#name = message.name;
        this.#watchesRoots = message.watchesRoots;
        this.#onStarted(undefined);
        return;
      case 'unusable':
        this.#onStarted(message.fault);
        return;
      case 'ended':
        this.#end(message.fault);
        return;
      case 'answered':
        this.#take(message.id)?.resolve(message.answer);
        return;
      case 'failed': {
        // While it still counts as running: its own secrets are among those that are taken out.
        const error = toCaError(message.failure, this.#cleaner());
        this.#take(message.id)?.reject(error);
        return;
      }
      case 'roots':
        this.#parts.onRoots(message.roots);
        return;
      case 'log':
        this.#log(message);
        return;
      case 'aborted':
        this.#unheard.delete(message.id);
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) this.#forget(id, pending);
    return pending;
  }

  /** It has ended; what it held may be said for a while yet. */
  #forget(id: number, { secrets }: Pending): void {
    this.#pending.delete(id);
    this.#lately = [...secrets, ...this.#lately].slice(0, LATELY);
  }

  #log({ level, message, fields }: Extract<FromPlugIn, { kind: 'log' }>): void {
    const clean = this.#cleaner();
    const cleaned = Object.entries(fields).map(([name, value]) => [
      clean(name),
      typeof value === 'string' ? clean(value) : value,
    ]);
    this.#parts.log[level](clean(message), Object.fromEntries(cleaned));
  }

  #end(fault: string): void {
    if (!this.alive) return;
    const cleaned = this.#cleaner()(fault);
    this.#life.abort();
    this.#port.close();
    void this.#worker.terminate();
    this.#onStarted(fault);
    for (const { reject } of this.#pending.values()) reject(ended(cleaned));
    this.#pending.clear();
    if (this.#started) this.#parts.onEnd(cleaned);
  }

  /** Takes out the secrets of everything that runs now, and of what has ended last. */
  #cleaner(): Cleaner {
    const running = [...this.#pending.values()].flatMap(({ secrets }) => secrets);
    return withoutSecrets([...running, ...this.#lately]);
  }

  #send(message: ToPlugIn): void {
    this.#port.postMessage(message);
  }

  /** The process must not end while the plug-in is waited for, and not live on for its sake alone. */
  #keepProcess(): void {
    if (this.#pending.size > 0) this.#worker.ref();
    else this.#worker.unref();
  }
}

function ended(fault: string): AgentError {
  return new AgentError('ca-unavailable', `the CA module has ended: ${quoteUntrusted(fault)}`);
}
