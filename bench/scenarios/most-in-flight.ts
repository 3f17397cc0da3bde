import { setTimeout as sleep } from 'node:timers/promises';
import { loadEmbeddedProvider } from '../../src/ca-providers/embedded/load-embedded-provider.ts';
import { BundleKeeper } from '../../src/cache/bundle-keeper.ts';
import { Issuer } from '../../src/cache/issuer.ts';
import { SecretCache } from '../../src/cache/secret-cache.ts';
import type { CaProvider } from '../../src/core/ca-provider.ts';
import type { Caller } from '../../src/core/caller.ts';
import type { Log } from '../../src/core/log.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { systemClock as clock } from '../../src/runtime/system-clock.ts';
import type { BenchContext } from '../bench-context.ts';

const trustDomain = 'cluster.local';
const timeLimitMs = 10_000;
const HOUR_MS = 3_600_000;
/** How much longer than the embedded CA this one takes, so that requests that may overlap do. */
const DELAY_MS = 5;

const ignore = (): void => undefined;
const silent: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => silent };

/** The most requests that the CA has had at once while so many identities were wanted at the same moment. */
export async function mostInFlight(context: BenchContext, identities: number, maxInFlight: number): Promise<number> {
  const stateDir = context.newFolder();
  const provider = await loadEmbeddedProvider({ stateDir, trustDomain, clock, log: silent });
  const counting = new CountingProvider(provider);
  const shared = { clock, log: silent, onRetry: ignore, random: Math.random };
  const bundles = new BundleKeeper({
    ...shared,
    provider: counting,
    trustDomain,
    held: () => cache.held(),
    timeLimitMs,
    meter: { rootsIgnored: ignore },
  });
  const cache: SecretCache = new SecretCache({
    ...shared,
    issuer: new Issuer(counting, bundles, clock, {
      key: { algorithm: 'ecdsa', curve: 'P256' },
      keyEncoding: 'pkcs8',
      ttlMs: 24 * HOUR_MS,
      timeLimitMs,
    }),
    bundles,
    policy: { ratio: 0.5, jitter: 0.05 },
    maxInFlight,
    // Not what is measured here.
    maxPerSecond: 100_000,
    forgetAfterMs: HOUR_MS,
    meter: { renewed: ignore },
  });
  const life = new AbortController();
  const running = cache.run(AbortSignal.any([life.signal, context.signal]));
  const callers = Array.from({ length: identities }, (_, index) => toCaller(index));
  await Promise.all(callers.map((caller) => firstCertificate(cache, caller)));
  life.abort();
  await running;
  return counting.most;
}

function toCaller(index: number): Caller {
  const spiffeId = serviceAccountId(trustDomain, 'shop', `workload-${index}`);
  const token = new Redacted('not looked at by the embedded CA');
  return { identity: { spiffeId, key: spiffeId }, token, tokenExpiresAtMs: clock.now() + HOUR_MS };
}

function firstCertificate(cache: SecretCache, caller: Caller): Promise<void> {
  return new Promise((resolve) => {
    cache.subscribe({ kind: 'certificate', caller }, { changed: resolve, reauthenticate: ignore });
  });
}

/** Counts the requests that the provider behind it has at once. */
class CountingProvider implements CaProvider {
  readonly name = 'Embedded';
  most = 0;
  #now = 0;
  readonly #provider: CaProvider;

  constructor(provider: CaProvider) {
    this.#provider = provider;
  }

  async sign(...asked: Parameters<CaProvider['sign']>): ReturnType<CaProvider['sign']> {
    this.#now++;
    this.most = Math.max(this.most, this.#now);
    try {
      await sleep(DELAY_MS);
      return await this.#provider.sign(...asked);
    } finally {
      this.#now--;
    }
  }

  roots(signal: AbortSignal): ReturnType<CaProvider['roots']> {
    return this.#provider.roots(signal);
  }
}
