import { BundleKeeper } from '../../src/cache/bundle-keeper.ts';
import { Issuer } from '../../src/cache/issuer.ts';
import { SecretCache } from '../../src/cache/secret-cache.ts';
import type { AgentError } from '../../src/core/agent-error.ts';
import type { Caller } from '../../src/core/caller.ts';
import type { IdentityJudge } from '../../src/core/identity-policy.ts';
import type { IgnoredRoot, RenewalResult } from '../../src/core/meters.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { CertificateSecret, IssuedRef, Secret } from '../../src/core/secret.ts';
import type { Subscriber, Subscription } from '../../src/core/secret-store.ts';
import { type SpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';
import { days, FakeClock, hours, minutes, seconds, settle } from '../fakes/fake-clock.ts';
import { FaultyCa } from '../fakes/faulty-ca.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { seededRandom } from '../fakes/seeded-random.ts';

export interface WorldOptions {
  /** A CA that has been turned wrong before the cache begins; undefined: a new one. */
  readonly ca?: MemoryCa;
  readonly ttlMs?: number;
  readonly ratio?: number;
  readonly jitter?: number;
  readonly maxInFlight?: number;
  readonly maxPerSecond?: number;
  readonly forgetAfterMs?: number;
  /** Every draw gives this; undefined: a seeded sequence. */
  readonly random?: number;
  /** The CA tells its roots with the first certificate and not before. */
  readonly lateRoots?: boolean;
  /** Who may have a certificate, and what for one; undefined: everybody. */
  readonly judge?: IdentityJudge;
  /** The CA fails from the beginning. */
  readonly caFailure?: AgentError;
}

export function idOf(name: string): SpiffeId {
  return serviceAccountId('cluster.local', 'shop', name);
}

/** A cache with everything around it, under a fake clock and a CA in memory. */
export class CacheWorld {
  readonly clock: FakeClock;
  readonly ca: MemoryCa;
  /** What stands between the cache and the CA. */
  readonly faulty: FaultyCa;
  readonly log = new RecordingLog();
  readonly renewals: RenewalResult[] = [];
  /** Why roots were left out, one for each. */
  readonly ignored: IgnoredRoot[] = [];
  retries = 0;
  readonly bundles: BundleKeeper;
  readonly cache: SecretCache;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(clock: FakeClock, ca: MemoryCa, options: WorldOptions) {
    const { ttlMs = hours(24), ratio = 0.5, jitter = 0.05, forgetAfterMs = minutes(10) } = options;
    const { random: drawn, maxInFlight = 8, maxPerSecond = 100_000 } = options;
    this.clock = clock;
    this.ca = ca;
    this.faulty = new FaultyCa(ca, clock);
    const random = drawn === undefined ? seededRandom(1) : (): number => drawn;
    const { log } = this;
    const timeLimitMs = seconds(10);
    const onRetry = (): void => {
      this.retries++;
    };
    this.bundles = new BundleKeeper({
      provider: this.faulty,
      trustDomain: 'cluster.local',
      held: () => this.cache.held(),
      timeLimitMs,
      clock,
      log,
      meter: { rootsIgnored: (reason, count) => this.ignored.push(...Array<IgnoredRoot>(count).fill(reason)) },
      onRetry,
      random,
    });
    const key = { algorithm: 'ecdsa', curve: 'P256' } as const;
    const issuer = new Issuer(this.faulty, this.bundles, clock, {
      ...{ key, keyEncoding: 'pkcs8', ttlMs, timeLimitMs },
      ...(options.judge && { judge: options.judge }),
    });
    const policy = { ratio, jitter };
    const meter = { renewed: (result: RenewalResult) => this.renewals.push(result) };
    const parts = {
      issuer,
      bundles: this.bundles,
      policy,
      maxInFlight,
      maxPerSecond,
      forgetAfterMs,
      clock,
      log,
      meter,
      onRetry,
      random,
    };
    this.cache = new SecretCache(parts);
    this.#running = this.cache.run(this.#stop.signal);
  }

  static async start(options: WorldOptions = {}): Promise<CacheWorld> {
    const clock = new FakeClock();
    const ca = options.ca ?? (await MemoryCa.create(clock));
    if (options.lateRoots !== undefined) ca.tellsRootsLate = options.lateRoots;
    if (options.caFailure !== undefined) ca.failWith(options.caFailure);
    const world = new CacheWorld(clock, ca, options);
    await settle();
    return world;
  }

  /** Stops it and shows that nothing is left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.ca.release();
    await this.#running;
    await settle();
    if (this.clock.sleeping !== 0) throw new Error(`${this.clock.sleeping} sleeps were left behind`);
  }

  /** Somebody with a token that lasts so long. */
  caller(name: string, tokenLastsMs = days(365)): Caller {
    const spiffeId = idOf(name);
    return {
      identity: { spiffeId, key: spiffeId },
      token: new Redacted(`token of ${name}`),
      tokenExpiresAtMs: this.clock.now() + tokenLastsMs,
    };
  }

  /** Opens a stream for the caller's certificate. */
  listen(caller: Caller): Listener {
    return new Listener(this.cache, { kind: 'certificate', caller });
  }

  listenToBundle(): Listener {
    return new Listener(this.cache, { kind: 'bundle', trustDomain: 'cluster.local' });
  }
}

/** A subscriber that behaves like an SDS stream: looks at what there is when it comes and when it is told to. */
export class Listener implements Subscriber {
  /** What it was given, in order. */
  readonly heard: Secret[] = [];
  changes = 0;
  sentBack = 0;
  readonly #cache: SecretCache;
  readonly #ref: IssuedRef;
  readonly #subscription: Subscription;

  constructor(cache: SecretCache, ref: IssuedRef) {
    this.#cache = cache;
    this.#ref = ref;
    this.#subscription = cache.subscribe(ref, this);
    this.#look();
  }

  changed(): void {
    this.changes++;
    this.#look();
  }

  /** Ends, as a stream does. */
  reauthenticate(): void {
    this.sentBack++;
    this.leave();
  }

  leave(): void {
    this.#subscription[Symbol.dispose]();
  }

  acknowledge(): void {
    const version = this.last?.version;
    if (version !== undefined) this.#subscription.acknowledged(version);
  }

  /** What it was given last. */
  get last(): Secret | undefined {
    return this.heard.at(-1);
  }

  get certificate(): CertificateSecret | undefined {
    return this.last?.kind === 'certificate' ? this.last : undefined;
  }

  /** What the store would serve now. */
  get served(): Secret | undefined {
    return this.#cache.peek(this.#ref);
  }

  #look(): void {
    const secret = this.#cache.peek(this.#ref);
    if (secret !== undefined) this.heard.push(secret);
  }
}
