import { joined } from './ca-providers/failover/joined.ts';
import { BundleKeeper } from './cache/bundle-keeper.ts';
import { Issuer } from './cache/issuer.ts';
import { RootReplacement } from './cache/root-replacement.ts';
import { SecretCache } from './cache/secret-cache.ts';
import type { Settings } from './config/settings.ts';
import type { CaProvider } from './core/ca-provider.ts';
import type { Clock } from './core/clock.ts';
import type { IdentityJudge } from './core/identity-policy.ts';
import type { Log } from './core/log.ts';
import type { RotatableRoot } from './core/root-rotation.ts';
import type { MeteredCa } from './telemetry/metered-ca.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** What issuing takes from the agent. */
export interface IssuingParts {
  /** The preferred one first. */
  readonly cas: readonly MeteredCa[];
  /** Undefined where the CA keeps its root itself. */
  readonly root: RotatableRoot | undefined;
  readonly judge: IdentityJudge;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** What has to do with certificates, from the CA to the cache that holds them. */
export interface Issuing {
  /** All of `cas` as one. */
  readonly ca: CaProvider;
  readonly bundles: BundleKeeper;
  readonly cache: SecretCache;
  readonly rootReplacement: RootReplacement | undefined;
}

/** Puts the CAs, the keeper of bundles, the issuer and the cache together. Nothing is asked before the cache runs. */
export function createIssuing(settings: Settings, { cas, root, judge, metrics, clock, log }: IssuingParts): Issuing {
  const { certificates, identity } = settings;
  const random = Math.random;
  const timeLimitMs = settings.ca.timeoutMs;
  const ca = joined(cas, { timeLimitMs, clock, log, random });
  const onRetry = (): void => metrics.ca.retried(ca.name);
  const bundles = new BundleKeeper({
    provider: ca,
    trustDomain: identity.trustDomain,
    held: () => cache.held(),
    timeLimitMs,
    clock,
    log,
    meter: metrics.bundle,
    onRetry,
    random,
  });
  const issuer = new Issuer(ca, bundles, clock, {
    key: certificates.key,
    keyEncoding: certificates.pkcs8 ? 'pkcs8' : 'traditional',
    ttlMs: certificates.ttlMs,
    timeLimitMs,
    judge,
  });
  const cache = new SecretCache({
    issuer,
    bundles,
    policy: { ratio: certificates.gracePeriodRatio, jitter: certificates.gracePeriodRatioJitter },
    maxInFlight: settings.ca.maxInflight,
    maxPerSecond: settings.ca.maxPerSecond,
    forgetAfterMs: certificates.forgetAfterMs,
    clock,
    log,
    meter: metrics.cache,
    onRetry,
    random,
  });
  const rootReplacement = root && new RootReplacement(root, bundles, cache, clock, log);
  return { ca, bundles, cache, rootReplacement };
}
