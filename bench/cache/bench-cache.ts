import { BundleKeeper } from '../../src/cache/bundle-keeper.ts';
import { Issuer } from '../../src/cache/issuer.ts';
import { SecretCache } from '../../src/cache/secret-cache.ts';
import type { CaProvider } from '../../src/core/ca-provider.ts';
import type { Caller } from '../../src/core/caller.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Log } from '../../src/core/log.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';

export const TRUST_DOMAIN = 'cluster.local';
const TIME_LIMIT_MS = 10_000;
const HOUR_MS = 3_600_000;

const ignore = (): void => undefined;

/** A log that nobody reads. */
export const silent: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => silent };

export interface BenchCacheParts {
  readonly provider: CaProvider;
  readonly clock: Clock;
  readonly maxInFlight: number;
  readonly maxPerSecond: number;
  readonly random: () => number;
}

/** The agent's cache and issuer in this process, with the agent's defaults, without log and metrics. */
export function createBenchCache({ provider, clock, random, ...limits }: BenchCacheParts): SecretCache {
  const shared = { clock, log: silent, onRetry: ignore, random };
  const bundles = new BundleKeeper({
    ...shared,
    provider,
    trustDomain: TRUST_DOMAIN,
    timeLimitMs: TIME_LIMIT_MS,
    held: () => cache.held(),
    meter: { rootsIgnored: ignore },
  });
  const issuer = new Issuer(provider, bundles, clock, {
    key: { algorithm: 'ecdsa', curve: 'P256' },
    keyEncoding: 'pkcs8',
    ttlMs: 24 * HOUR_MS,
    timeLimitMs: TIME_LIMIT_MS,
  });
  const cache: SecretCache = new SecretCache({
    ...shared,
    ...limits,
    issuer,
    bundles,
    policy: { ratio: 0.5, jitter: 0.05 },
    forgetAfterMs: HOUR_MS,
    meter: { renewed: ignore },
  });
  return cache;
}

/** Somebody with a token that lasts for days. */
export function toCaller(index: number, clock: Clock): Caller {
  const spiffeId = serviceAccountId(TRUST_DOMAIN, 'shop', `workload-${index}`);
  const token = new Redacted('not looked at by the CA');
  return { identity: { spiffeId, key: spiffeId }, token, tokenExpiresAtMs: clock.now() + 100 * HOUR_MS };
}

/** Opens a stream that stays, and resolves when its certificate changes for the first time. */
export function nextCertificate(cache: SecretCache, caller: Caller): Promise<void> {
  return new Promise((resolve) => {
    cache.subscribe({ kind: 'certificate', caller }, { changed: resolve, reauthenticate: ignore });
  });
}
