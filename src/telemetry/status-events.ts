import type { ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { AgentStatus, AgentView } from '../core/status-report.ts';
import { Background } from '../runtime/background.ts';

const SHORTEST_PAUSE_MS = 1000;
const MOST_LISTENERS = 16;

/** One event source (WHATWG HTML, server-sent events) and what it was told last. */
interface Listener {
  readonly response: ServerResponse;
  told: string;
}

/**
 * Tells whoever listens the status: at once, and then when it has changed, at most once a second. While nobody
 * listens nothing runs.
 */
export class StatusEvents {
  readonly #view: AgentView;
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  readonly #background: Background;
  #watching: AbortController | undefined;

  constructor(view: AgentView, clock: Clock, log: Log) {
    this.#view = view;
    this.#clock = clock;
    this.#background = new Background((error) => {
      log.error('the status could not be told', { error });
      // They come back, or poll: both are better than a page that stands still.
      for (const { response } of this.#listeners) response.destroy();
    });
  }

  /** Takes a response over until its connection ends; false when there are too many already. */
  add(response: ServerResponse): boolean {
    if (this.#listeners.size >= MOST_LISTENERS) return false;
    const listener = { response, told: '' };
    this.#listeners.add(listener);
    response.on('close', () => this.#remove(listener));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    this.#tell([listener]);
    if (this.#watching === undefined) {
      const watching = new AbortController();
      this.#watching = watching;
      this.#background.start(() => this.#watch(watching.signal));
    }
    return true;
  }

  #remove(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#watching?.abort();
    this.#watching = undefined;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(SHORTEST_PAUSE_MS, signal);
      if (!signal.aborted) this.#tell([...this.#listeners]);
    }
  }

  /** Who has not read the last event yet is passed over, and gets the newest one later. */
  #tell(listeners: readonly Listener[]): void {
    const status = this.#view.status();
    const content = toContent(status);
    const event = `data: ${JSON.stringify(status)}\n\n`;
    for (const listener of listeners) {
      if (listener.told === content || listener.response.writableNeedDrain) continue;
      listener.told = content;
      listener.response.write(event);
    }
  }
}

/** The status as text that is equal while nothing but the time has changed. */
function toContent(status: AgentStatus): string {
  return JSON.stringify({ ...status, nowMs: 0 });
}
