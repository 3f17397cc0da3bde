import type { IncomingMessage } from 'node:http';
import { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import { readBounded } from '../runtime/read-bounded.ts';
import { withTimeLimit } from '../runtime/time-limit.ts';
import { ApiConnection } from './api-connection.ts';
import { type ApiCredentials, readApiCredentials } from './api-credentials.ts';
import { type ApiRequest, toWords } from './api-request.ts';
import { toConnectionError } from './connection-error.ts';
import { readLines } from './read-lines.ts';
import { readPath } from './read-path.ts';
import { toRefusal } from './refusals.ts';

/** For one request with everything that belongs to it, waiting as the server asks included. */
const TIME_LIMIT_MS = 10_000;
/** A page of 500 pods with all their fields has about 10 MB. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;
/** An object has 1.5 MB in etcd at most, and more in JSON. */
const LARGEST_EVENT_BYTES = 8 * 1024 * 1024;
/** How long a watch may go on after the time that the server was asked to end it at: it is dead then. */
const WATCH_GRACE_MS = 30_000;

export interface KubernetesClientOptions {
  /** `https://host:port` */
  readonly server: string;
  /** PEM roots that verify the server; undefined: Node's own. */
  readonly caFile: string | undefined;
  /** The agent's own bearer token; undefined: it shows none. */
  readonly tokenFile: string | undefined;
  readonly clock: Clock;
}

/** What a watch says (Kubernetes API Concepts, "Efficient detection of changes"). */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
}

/**
 * The few calls that the agent makes to a Kubernetes API server.
 *
 * Its own credential is read from its files for each request. It waits as long as the server asks it to
 * (`Retry-After`), if there is time for that, and retries nothing else.
 */
export class KubernetesClient {
  readonly #options: KubernetesClientOptions;
  readonly #connection: ApiConnection;
  /** By the monotonic clock: nobody asks the server before. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: KubernetesClientOptions) {
    this.#options = options;
    this.#connection = new ApiConnection(options.server);
  }

  /** Where it is, for the log. */
  get server(): string {
    return this.#options.server;
  }

  /**
   * The object that the server answers with.
   *
   * @throws AgentError of the `kubernetes-*` family; `request-cancelled` when the signal has aborted
   */
  async ask(request: ApiRequest, signal: AbortSignal): Promise<unknown> {
    const { clock } = this.#options;
    return await withTimeLimit(
      clock,
      TIME_LIMIT_MS,
      signal,
      () => timedOut(request),
      async (limited) => {
        const deadlineMs = clock.monotonic() + TIME_LIMIT_MS;
        try {
          return await this.#askPatiently(request, deadlineMs, limited);
        } catch (thrown) {
          throw toError(thrown, signal);
        }
      },
    );
  }

  /**
   * Yields what changes, until the server ends the watch, which it does about when it was asked to.
   *
   * @param lifeMs when to end it
   * @throws AgentError of the `kubernetes-*` family, `kubernetes-gone` where the server does not know the version any
   *   more; `request-cancelled` when the signal has aborted
   */
  async *watch(request: ApiRequest, lifeMs: number, signal: AbortSignal): AsyncGenerator<WatchEvent, void, undefined> {
    const { clock } = this.#options;
    const over = new AbortController();
    const stop = (): void => over.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let isOverdue = false;
    void clock.sleep(lifeMs + WATCH_GRACE_MS, over.signal).then(() => {
      isOverdue = !over.signal.aborted;
      stop();
    });
    const timeoutSeconds = String(Math.round(lifeMs / 1000));
    const query = { ...request.query, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds };
    try {
      const response = await this.#begin({ ...request, query }, over.signal);
      try {
        for await (const line of readLines(response, LARGEST_EVENT_BYTES)) yield toEvent(line, request);
      } finally {
        response.destroy();
      }
    } catch (thrown) {
      throw isOverdue ? timedOut(request) : toError(thrown, signal);
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  async #begin(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { clock } = this.#options;
    return await withTimeLimit(
      clock,
      TIME_LIMIT_MS,
      signal,
      () => timedOut(request),
      async () => {
        // Not with the limit's own signal: that one aborts as soon as the answer has begun, the other with the watch.
        const response = await this.#send(request, signal);
        if (response.statusCode === 200) return response;
        throw await this.#toRefusal(request, response);
      },
    );
  }

  async #askPatiently(request: ApiRequest, deadlineMs: number, signal: AbortSignal): Promise<unknown> {
    const { clock } = this.#options;
    for (;;) {
      await clock.sleep(this.#pausedUntilMs - clock.monotonic(), signal);
      signal.throwIfAborted();
      const response = await this.#send(request, signal);
      const { statusCode = 0 } = response;
      if (statusCode >= 200 && statusCode < 300) return parseJson(await readText(response, request), request);
      const refusal = await this.#toRefusal(request, response);
      const { retryAfterMs } = refusal;
      if (retryAfterMs === undefined || clock.monotonic() + retryAfterMs >= deadlineMs) throw refusal;
    }
  }

  /** A token that was replaced between reading and sending it is no reason to fail. */
  async #send(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const credentials = await readApiCredentials(this.#options);
    const response = await this.#connection.send(request, credentials, signal);
    if (response.statusCode !== 401) return response;
    const fresh = await readApiCredentials(this.#options);
    if (isSameToken(fresh, credentials)) return response;
    response.destroy();
    return await this.#connection.send(request, fresh, signal);
  }

  async #toRefusal(request: ApiRequest, response: IncomingMessage): Promise<AgentError> {
    const { clock } = this.#options;
    const retryAfterMs = toRetryAfterMs(response.headers['retry-after']);
    if (retryAfterMs !== undefined) {
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, clock.monotonic() + retryAfterMs);
    }
    const body = tryParse(await readText(response, request));
    return toRefusal(request, { status: response.statusCode ?? 0, body, retryAfterMs });
  }
}

/** Seconds, as API servers write it; nobody is silenced for longer than a request may take anyway. */
function toRetryAfterMs(header: string | undefined): number | undefined {
  const seconds = /^\d{1,9}$/.exec(header ?? '')?.[0];
  return seconds === undefined ? undefined : Math.min(Number(seconds) * 1000, TIME_LIMIT_MS);
}

function isSameToken(a: ApiCredentials, b: ApiCredentials): boolean {
  return a.token?.reveal() === b.token?.reveal();
}

function toEvent(line: string, request: ApiRequest): WatchEvent {
  const event = parseJson(line, request);
  const type = readPath(event, 'type');
  const object = readPath(event, 'object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type, object };
    case 'ERROR': {
      const code = readPath(object, 'code');
      throw toRefusal(request, { status: typeof code === 'number' ? code : 0, body: object });
    }
    default:
      throw invalid(request, 'an event of an unknown type');
  }
}

async function readText(response: IncomingMessage, request: ApiRequest): Promise<string> {
  const onTooLarge = (): AgentError => invalid(request, `more than ${LARGEST_ANSWER_BYTES} bytes`);
  return (await readBounded(response, LARGEST_ANSWER_BYTES, onTooLarge)).toString('utf8');
}

function parseJson(text: string, request: ApiRequest): unknown {
  const value = tryParse(text);
  if (typeof value !== 'object' || value === null) throw invalid(request, 'what is no JSON object');
  return value;
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(request: ApiRequest, what: string): AgentError {
  const message = `the API server answered ${what} to ${toWords(request)}: look at KUBERNETES_API_SERVER`;
  return new AgentError('kubernetes-answer-invalid', message);
}

function timedOut(request: ApiRequest): AgentError {
  return new AgentError('kubernetes-timeout', `the API server did not answer in time to ${toWords(request)}`);
}

function toError(thrown: unknown, signal: AbortSignal): AgentError {
  if (signal.aborted) return new AgentError('request-cancelled', 'the caller has gone');
  return thrown instanceof AgentError ? thrown : toConnectionError(thrown);
}
