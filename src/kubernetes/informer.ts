import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { type BackoffPolicy, backoffMs } from '../runtime/backoff.ts';
import { Seldom } from '../runtime/seldom.ts';
import type { ApiRequest, ApiResource } from './api-request.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { readList, readText } from './read-path.ts';

const RETRY: BackoffPolicy = { firstMs: 500, longestMs: 30_000 };
/** The server ends a watch after this time, and half as much more at most: so that they do not all end together. */
const WATCH_LIFE_MS = 300_000;
/** A watch that ends sooner has failed, whatever it says: else an odd proxy would make this a loop. */
const SHORTEST_WATCH_MS = 1000;
const LOG_INTERVAL_MS = 60_000;
const PAGE = '500';

/** One object as it is kept. */
export interface Held<T> {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly item: T;
}

/** Told of each change, after it. The calls are synchronous and must not throw. */
export interface InformerListener<T> {
  /** There is a new object, or it has changed; `before` is what was held under this name, perhaps with another UID. */
  set(held: Held<T>, before: Held<T> | undefined): void;
  deleted(held: Held<T>): void;
  /** Everything that was there at one time has been told. Called once. */
  synced?(): void;
}

export interface InformerOptions<T> {
  readonly client: Pick<KubernetesClient, 'ask' | 'watch'>;
  /** The kind of object; without a namespace: in all of them. */
  readonly resource: ApiResource;
  /** Narrows the objects, such as `{ fieldSelector: 'spec.nodeName=a' }`. */
  readonly selectors?: Readonly<Partial<Record<'fieldSelector' | 'labelSelector', string>>>;
  /** What is kept of an object; undefined: nothing, as if it were not there. Must not throw. */
  readonly toItem: (object: unknown) => T | undefined;
  readonly listener?: InformerListener<T>;
  readonly clock: Clock;
  readonly log: Log;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Keeps a copy of some objects of the API server, as fresh as a watch makes it: reads them all, then follows their
 * changes (Kubernetes API Concepts, "Efficient detection of changes"). While the server cannot be reached the copy
 * stays as it is.
 */
export class Informer<T> {
  readonly #options: InformerOptions<T>;
  readonly #seldom: Seldom;
  readonly #held = new Map<string, { readonly held: Held<T>; readonly version: string }>();
  /** Where to go on watching; undefined: everything has to be read first. */
  #version: string | undefined;
  /** The server has forgotten versions since: what its cache has may be older than what is here. */
  #wasGone = false;
  #isSynced = false;
  #failures = 0;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#seldom = new Seldom(options.clock);
  }

  /** Whether everything that was there at one time is known. It stays true from then on. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  get size(): number {
    return this.#held.size;
  }

  get(namespace: string, name: string): Held<T> | undefined {
    return this.#held.get(keyOf(namespace, name))?.held;
  }

  *values(): Generator<Held<T>> {
    for (const { held } of this.#held.values()) yield held;
  }

  /** Follows the objects until the signal aborts; then nothing of it is left running. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      const error = await this.#followOnce(signal).then(
        () => undefined,
        (thrown: unknown) => toAgentError(thrown),
      );
      if (error === undefined || signal.aborted) continue;
      if (error.code === 'kubernetes-gone') {
        this.#version = undefined;
        this.#wasGone = true;
      } else {
        this.#complain(error);
      }
      this.#failures++;
      const waitMs = Math.max(error.retryAfterMs ?? 0, backoffMs(RETRY, this.#failures, random()));
      await clock.sleep(waitMs, signal);
    }
  }

  async #followOnce(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const version = this.#version ?? (await this.#readAll(signal));
    const beganAtMs = clock.monotonic();
    await this.#watch(version, signal);
    if (clock.monotonic() - beganAtMs < SHORTEST_WATCH_MS && !signal.aborted) {
      throw new AgentError('kubernetes-unavailable', 'the API server ended a watch at once');
    }
  }

  /** Gives the version from which on changes have to be watched. */
  async #readAll(signal: AbortSignal): Promise<string> {
    const found = new Set<string>();
    let version: string | undefined;
    let next: string | undefined;
    do {
      const page = await this.#options.client.ask(this.#listRequest(next), signal);
      for (const object of readList(page, 'items')) {
        const key = this.#take(object);
        if (key !== undefined) found.add(key);
      }
      version = readText(page, 'metadata', 'resourceVersion');
      next = readText(page, 'metadata', 'continue');
    } while (next !== undefined);
    if (version === undefined) throw notUnderstood('a list without a version');
    for (const key of this.#held.keys()) if (!found.has(key)) this.#drop(key);
    this.#version = version;
    this.#wasGone = false;
    this.#recovered();
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#options.listener?.synced?.();
    }
    return version;
  }

  #listRequest(next: string | undefined): ApiRequest {
    const { resource, selectors } = this.#options;
    // Version 0 is answered from the server's memory, which costs etcd nothing; it may be a moment old, and the watch
    // makes up for that. After a 410 it may be older than what is held here.
    const from = this.#wasGone ? {} : { resourceVersion: '0' };
    return {
      verb: 'list',
      target: resource,
      query: { ...selectors, limit: PAGE, ...(next === undefined ? from : { continue: next }) },
    };
  }

  async #watch(version: string, signal: AbortSignal): Promise<void> {
    const { client, resource, selectors, random } = this.#options;
    const request: ApiRequest = { verb: 'watch', target: resource, query: { ...selectors, resourceVersion: version } };
    const lifeMs = WATCH_LIFE_MS * (1 + random() / 2);
    for await (const { type, object } of client.watch(request, lifeMs, signal)) {
      const newest = readText(object, 'metadata', 'resourceVersion');
      if (newest === undefined) throw notUnderstood('an event without a version');
      if (type === 'DELETED') this.#drop(keyOfObject(object));
      else if (type !== 'BOOKMARK') this.#take(object);
      this.#version = newest;
      this.#recovered();
    }
  }

  /** Keeps what is of interest of an object, and gives its key then. */
  #take(object: unknown): string | undefined {
    const { toItem, listener } = this.#options;
    const key = keyOfObject(object);
    const uid = readText(object, 'metadata', 'uid') ?? '';
    const version = readText(object, 'metadata', 'resourceVersion') ?? '';
    const before = this.#held.get(key);
    if (before !== undefined && before.version === version && before.held.uid === uid) return key;
    const item = toItem(object);
    if (item === undefined) {
      this.#drop(key);
      return undefined;
    }
    const namespace = readText(object, 'metadata', 'namespace') ?? '';
    const held = { namespace, name: readText(object, 'metadata', 'name') ?? '', uid, item };
    this.#held.set(key, { held, version });
    listener?.set(held, before?.held);
    return key;
  }

  #drop(key: string): void {
    const known = this.#held.get(key);
    if (known === undefined) return;
    this.#held.delete(key);
    this.#options.listener?.deleted(known.held);
  }

  #complain(error: AgentError): void {
    const times = this.#seldom.again(LOG_INTERVAL_MS);
    if (times === undefined) return;
    const { resource } = this.#options.resource;
    this.#options.log.warn('the API server cannot be watched; what was known is kept', { resource, error, times });
  }

  #recovered(): void {
    if (this.#failures === 0) return;
    const { resource } = this.#options.resource;
    this.#options.log.info('the API server is watched again', { resource, afterFailures: this.#failures });
    this.#failures = 0;
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function keyOfObject(object: unknown): string {
  const name = readText(object, 'metadata', 'name');
  if (name === undefined) throw notUnderstood('an object without a name');
  return keyOf(readText(object, 'metadata', 'namespace') ?? '', name);
}

function notUnderstood(what: string): AgentError {
  return new AgentError('kubernetes-answer-invalid', `the API server gives ${what}: look at KUBERNETES_API_SERVER`);
}
