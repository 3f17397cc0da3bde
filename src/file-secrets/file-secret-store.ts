import { toAgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { FileRef, Secret } from '../core/secret.ts';
import type { SecretStore, Subscriber, Subscription } from '../core/secret-store.ts';
import type { ForeignStatus } from '../core/status-report.ts';
import { Background } from '../runtime/background.ts';
import { ForeignSlot } from '../runtime/foreign-slot.ts';
import { repeat } from '../runtime/repeat.ts';
import { Seldom } from '../runtime/seldom.ts';
import { watchFiles } from '../runtime/watch-files.ts';
import { loadFileSecret } from './load-file-secret.ts';
import { SYSTEM_ROOT_FILES } from './system-roots.ts';

/** Whoever writes certificate and key one after the other is done by then. */
const SETTLE_MS = 100;
const POLL_MS = 30_000;
const SWEEP_MS = 60_000;
const FULL_LOG_INTERVAL_MS = 60_000;

export interface FileSecretStoreOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** What nobody has listened to for this long is forgotten. */
  readonly forgetAfterMs: number;
  /** So many secrets are watched at the same time, at most; 500 unless said. */
  readonly mostWatched?: number;
  readonly systemRootFiles?: readonly string[];
}

/** One secret, and what watches its files. */
interface Entry {
  readonly ref: FileRef;
  readonly slot: ForeignSlot;
  /** Ends the watching; undefined: it is not watched, because too many others are. */
  watch: AbortController | undefined;
  /** Since when nobody listens. */
  idleSinceMs: number;
}

/**
 * Secrets in files: read when somebody first asks, watched as long as somebody listens and a while longer. The last
 * good content stays when a file is torn, wrong or gone.
 */
export class FileSecretStore implements SecretStore<FileRef> {
  readonly #options: FileSecretStoreOptions;
  readonly #mostWatched: number;
  readonly #entries = new Map<string, Entry>();
  readonly #background: Background;
  readonly #wantedSeldom: Seldom;
  readonly #fullSeldom: Seldom;
  #life: AbortSignal | undefined;
  #watched = 0;

  constructor(options: FileSecretStoreOptions) {
    const { clock, log, mostWatched = 500 } = options;
    this.#options = options;
    this.#mostWatched = mostWatched;
    this.#wantedSeldom = new Seldom(clock);
    this.#fullSeldom = new Seldom(clock);
    this.#background = new Background((error) => log.error('a file secret is not watched any more', { error }));
  }

  /** Watches the files that somebody listens to until the signal aborts; then no watcher is left. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    this.#life = signal;
    this.#watchWaiting();
    const onError = (error: unknown): void => log.error('idle file secrets were not forgotten', { error });
    await repeat(clock, SWEEP_MS, signal, async () => this.#forgetIdle(), onError);
    for (const { watch } of this.#entries.values()) watch?.abort();
    await this.#background.settled();
  }

  peek(ref: FileRef): Secret | undefined {
    return this.#entries.get(keyOf(ref))?.slot.servable;
  }

  subscribe(ref: FileRef, subscriber: Subscriber): Subscription {
    const entry = this.#entryOf(ref);
    if (entry.watch === undefined) this.#watch(entry);
    return entry.slot.audience.join(subscriber, () => {
      if (entry.slot.audience.size > 0) return;
      entry.idleSinceMs = this.#options.clock.now();
      // Nothing is lost with it, and whoever made the name up may make up more.
      if (entry.slot.servable === undefined) this.#forget(entry);
    });
  }

  /** Every secret that is watched. */
  status(): ForeignStatus[] {
    return [...this.#entries.values()].filter(({ watch }) => watch !== undefined).map(({ slot }) => slot.status());
  }

  #entryOf(ref: FileRef): Entry {
    const key = keyOf(ref);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const { clock, log } = this.#options;
    const slot = new ForeignSlot({ kind: ref.kind, name: nameOf(ref), clock, log, seldom: this.#wantedSeldom });
    const entry = { ref, slot, watch: undefined, idleSinceMs: clock.now() };
    this.#entries.set(key, entry);
    return entry;
  }

  #watch(entry: Entry): void {
    const life = this.#life;
    if (life === undefined || life.aborted) return;
    if (this.#watched >= this.#mostWatched && !this.#forgetOneIdle()) {
      this.#tellFull();
      return;
    }
    const stop = new AbortController();
    entry.watch = stop;
    this.#watched++;
    const { clock, systemRootFiles = SYSTEM_ROOT_FILES } = this.#options;
    const paths = pathsOf(entry.ref, systemRootFiles);
    const look = async (): Promise<void> => {
      const options = { nowMs: clock.now(), systemRootFiles };
      await loadFileSecret(entry.ref, options).then(
        (secret) => entry.slot.take(secret),
        (thrown: unknown) => entry.slot.fail(toAgentError(thrown)),
      );
    };
    const timing = { settleMs: SETTLE_MS, pollMs: POLL_MS };
    this.#background.start(() => watchFiles({ paths, clock, ...timing }, look, stop.signal));
  }

  #watchWaiting(): void {
    for (const entry of this.#entries.values()) {
      if (this.#watched >= this.#mostWatched) return;
      if (entry.watch === undefined) this.#watch(entry);
    }
  }

  #forget(entry: Entry): void {
    this.#drop(entry);
    this.#watchWaiting();
  }

  #drop({ ref, watch }: Entry): void {
    this.#entries.delete(keyOf(ref));
    if (watch === undefined) return;
    watch.abort();
    this.#watched--;
  }

  #forgetOneIdle(): boolean {
    const idle = [...this.#entries.values()].find(({ slot, watch }) => watch !== undefined && slot.audience.size === 0);
    if (idle === undefined) return false;
    this.#drop(idle);
    return true;
  }

  #forgetIdle(): void {
    const { clock, forgetAfterMs } = this.#options;
    for (const entry of this.#entries.values()) {
      const { slot, idleSinceMs } = entry;
      if (slot.audience.size === 0 && clock.now() - idleSinceMs >= forgetAfterMs) this.#forget(entry);
    }
  }

  #tellFull(): void {
    const times = this.#fullSeldom.again(FULL_LOG_INTERVAL_MS);
    if (times === undefined) return;
    const watched = this.#watched;
    this.#options.log.warn('too many file secrets are asked for: the newest ones wait', { watched, waiting: times });
  }
}

function keyOf(ref: FileRef): string {
  return JSON.stringify([nameOf(ref), 'directories' in ref ? ref.directories : []]);
}

/** As Envoys ask for it. */
function nameOf(ref: FileRef): string {
  return ref.kind === 'file-bundle' ? `file-root:${ref.path}` : `file-cert:${ref.chainPath}~${ref.keyPath}`;
}

function pathsOf(ref: FileRef, systemRootFiles: readonly string[]): readonly string[] {
  if (ref.kind === 'file-certificate') return [ref.chainPath, ref.keyPath];
  return 'directories' in ref ? [ref.path] : systemRootFiles;
}
