import type { DerCertificates } from '../core/ca-provider.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { BundleMeter } from '../core/meters.ts';
import type { AllBundlesSecret, BundleSecret } from '../core/secret.ts';
import type { BundleStatus } from '../core/status-report.ts';
import { sha256Hex } from '../keys/digest.ts';
import { judgeRoots, normalizeRoots } from '../keys/roots.ts';
import { Audience } from '../runtime/audience.ts';
import { RateWindow } from '../runtime/rate-window.ts';
import { Seldom } from '../runtime/seldom.ts';
import type { IssuedCertificate, TrustedRoots } from './issuer.ts';
import { KeptRoots } from './kept-roots.ts';
import { type RootLearner, RootReader, type RootReaderParts } from './root-reader.ts';

/** A stream that has not acknowledged a changed bundle by then holds up the certificates of the new root no longer. */
const PATIENCE_MS = 5000;

const POLL_MS = 50;

/**
 * A bundle that changes more often than this is published with a delay, for each change is sent to every stream of the
 * node. A replacement of the root has two or three.
 */
const MOST_CHANGES = 10;
const CHANGES_WINDOW_MS = 60_000;

export interface BundleKeeperParts extends RootReaderParts {
  readonly trustDomain: string;
  /** The certificates that may be presented by somebody: their roots stay trusted. */
  readonly held: () => Iterable<IssuedCertificate>;
  readonly meter: BundleMeter;
}

/**
 * Keeps the trust bundle: the CA's roots, read until they are there, and whenever they change; and those that the CA
 * has given up, until no certificate needs them. What is known stays until something better is known, so a bundle is
 * never empty and never taken away.
 */
export class BundleKeeper implements TrustedRoots, RootLearner {
  readonly audience = new Audience();
  readonly allBundlesAudience = new Audience();
  readonly #parts: BundleKeeperParts;
  readonly #reader: RootReader;
  readonly #kept = new KeptRoots();
  readonly #changes: RateWindow;
  readonly #seldom: Seldom;
  /** As the CA told last; empty until it has told of any. */
  #told: DerCertificates = [];
  /** As they are published; undefined while there is no bundle. */
  #roots: DerCertificates | undefined;
  #bundle: BundleSecret | undefined;
  #allBundles: AllBundlesSecret | undefined;
  #noneToldYet = false;
  #changedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: BundleKeeperParts) {
    this.#parts = parts;
    this.#reader = new RootReader(parts, this);
    this.#changes = new RateWindow(MOST_CHANGES, parts.clock, CHANGES_WINDOW_MS);
    this.#seldom = new Seldom(parts.clock);
  }

  get isEmpty(): boolean {
    return this.#bundle === undefined;
  }

  get keepsOlderRoots(): boolean {
    return this.#kept.size > 0;
  }

  /** Whether the CA could not be reached, or gave nothing of use, when it was asked for its roots last. */
  get isCaDown(): boolean {
    return this.#reader.failed;
  }

  /** The bundle of this trust domain, once it is known. */
  get bundle(): BundleSecret | undefined {
    return this.#bundle;
  }

  get allBundles(): AllBundlesSecret | undefined {
    return this.#allBundles;
  }

  /** Whether the CA has answered, with roots or with none: some tell theirs with the first certificate only. */
  get isCaReached(): boolean {
    return this.#noneToldYet || this.#bundle !== undefined;
  }

  /** How many subscribers hold another bundle than the newest, as far as they have said. */
  get behind(): number {
    return this.#sum((audience, version) => audience.behind(version));
  }

  known(signal: AbortSignal): Promise<DerCertificates> {
    return this.#roots === undefined ? this.refresh(signal) : Promise.resolve(this.#roots);
  }

  refresh(signal: AbortSignal): Promise<DerCertificates> {
    return this.#reader.read(signal);
  }

  async takenOver(signal: AbortSignal): Promise<DerCertificates> {
    const { clock } = this.#parts;
    // Whoever never acknowledges (a poller, a fetcher) cannot be waited for.
    const isAwaited = (): boolean => this.#sum((audience, version) => audience.lagging(version)) > 0;
    while (clock.monotonic() < this.#changedAtMs + PATIENCE_MS && !signal.aborted && isAwaited()) {
      await clock.sleep(POLL_MS, signal);
    }
    return this.#roots ?? [];
  }

  /** Reads and follows the roots until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reader.run(signal);
  }

  status(): BundleStatus[] {
    if (this.#bundle === undefined) return [];
    const { trustDomain, version, rootCount, notAfterMs } = this.#bundle;
    return [{ trustDomain, version, roots: rootCount, notAfterMs, streams: this.audience.size }];
  }

  learn(read: DerCertificates): DerCertificates {
    const { clock, meter } = this.#parts;
    if (read.length === 0) {
      this.#noneToldYet = true;
      return this.#roots ?? read;
    }
    const nowMs = clock.now();
    const { unusable, expired } = judgeRoots(read, nowMs);
    meter.rootsIgnored('unusable', unusable);
    meter.rootsIgnored('expired', expired);
    this.#told = normalizeRoots(read, nowMs).ders;
    return this.#publish();
  }

  review(): void {
    try {
      if (this.#told.length > 0) this.#publish();
    } catch {
      // The last root has expired. It stays, as the CA has none that is better.
    }
  }

  #sum(count: (audience: Audience, version: string) => number): number {
    const own = this.#bundle === undefined ? 0 : count(this.audience, this.#bundle.version);
    const all = this.#allBundles === undefined ? 0 : count(this.allBundlesAudience, this.#allBundles.version);
    return own + all;
  }

  #publish(): DerCertificates {
    const { clock, log, trustDomain, held } = this.#parts;
    const wallMs = clock.now();
    const kept = this.#kept.review(this.#told, held(), { wallMs, monotonicMs: clock.monotonic() });
    const { ders, pem, count, notAfterMs, version } = normalizeRoots([...this.#told, ...kept], wallMs);
    if (this.#roots !== undefined && version === this.#bundle?.version) return this.#roots;
    if (!this.#changes.tryBegin() && this.#roots !== undefined) {
      const changes = this.#seldom.again(CHANGES_WINDOW_MS);
      if (changes !== undefined)
        log.warn('the CA has other roots again and again; they are published later', { changes });
      return this.#roots;
    }
    this.#roots = ders;
    this.#bundle = { kind: 'bundle', version, trustDomain, rootsPem: pem, rootCount: count, notAfterMs };
    this.#allBundles = toAllBundles([this.#bundle]);
    this.#changedAtMs = clock.monotonic();
    log.info('trust bundle changed', {
      trustDomain,
      version,
      roots: count,
      firstExpiry: toIsoTime(notAfterMs),
      ...(kept.length > 0 && { keptForOlderCertificates: kept.length }),
    });
    this.audience.changed();
    this.allBundlesAudience.changed();
    return ders;
  }
}

function toAllBundles(bundles: readonly BundleSecret[]): AllBundlesSecret {
  const lines = bundles.map(({ trustDomain, version }) => `${trustDomain}=${version}`);
  return { kind: 'all-bundles', version: sha256Hex(lines.join('\n')).slice(0, 32), bundles };
}
