import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../core/clock.ts';
import type {
  BundleMeter,
  CacheMeter,
  CaMeter,
  LimitMeter,
  PeerMeter,
  PolicyMeter,
  SdsMeter,
  TokenMeter,
  TransportMeter,
  WorkloadApiMeter,
} from '../core/meters.ts';
import type { ForeignKind } from '../core/secret.ts';
import type { AgentStatus, AgentView } from '../core/status-report.ts';
import {
  CERTIFICATE_STATES,
  FOREIGN_KINDS,
  FOREIGN_STATES,
  keysOf,
  METRIC_PREFIX,
  METRICS,
  type MetricDeclaration,
  type MetricName,
} from './metric-table.ts';
import { collectProcessMetrics } from './process-metrics.ts';

export interface MetricsOptions {
  readonly clock: Clock;
  /** The agent's version, for `build_info`. */
  readonly version: string;
  /** Whether Node's own process metrics are there too; on unless said otherwise. */
  readonly processMetrics?: boolean;
}

/** What the rooms report to, and the text in which Prometheus reads it. */
export interface Metrics {
  readonly transport: TransportMeter;
  readonly sds: SdsMeter;
  readonly cache: CacheMeter;
  readonly bundle: BundleMeter;
  readonly ca: CaMeter;
  readonly token: TokenMeter;
  readonly peer: PeerMeter;
  readonly workloadApi: WorkloadApiMeter;
  /** Of the socket of the SPIFFE Workload API. */
  readonly workloadApiTransport: TransportMeter;
  readonly policy: PolicyMeter;
  readonly contentType: string;
  /** All metrics in Prometheus' text format; what the view knows is asked for at this moment. */
  expose(view: AgentView): Promise<string>;
}

/** Makes every metric of `METRICS` in a registry of its own. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  if (options.processMetrics !== false) collectProcessMetrics(registry);
  gauge(registry, 'build_info').set({ version: options.version, node_version: process.versions.node }, 1);
  const refresh = createStatusGauges(registry);
  const limits = createLimitMeter(registry);
  return {
    transport: createTransportMeter(gauge(registry, 'connections'), limits),
    sds: createSdsMeter(registry),
    cache: createCacheMeter(registry),
    bundle: createBundleMeter(registry),
    ca: createCaMeter(registry, options.clock),
    token: createTokenMeter(registry),
    peer: createPeerMeter(registry),
    workloadApi: createWorkloadApiMeter(registry),
    workloadApiTransport: createTransportMeter(gauge(registry, 'workload_api_connections'), limits),
    policy: createPolicyMeter(registry),
    contentType: registry.contentType,
    expose(view) {
      refresh(view.status());
      return registry.metrics();
    },
  };
}

function createLimitMeter(registry: Registry): LimitMeter {
  const refusals = counter(registry, 'limit_refusals_total');
  for (const limit of METRICS.limit_refusals_total.labels.limit) refusals.inc({ limit }, 0);
  return { refused: (limit) => refusals.inc({ limit }) };
}

function createTransportMeter(connections: Gauge, limits: LimitMeter): TransportMeter {
  return {
    ...limits,
    connectionOpened: () => connections.inc(),
    connectionClosed: () => connections.dec(),
  };
}

function createSdsMeter(registry: Registry): SdsMeter {
  const streams = gauge(registry, 'streams');
  const pending = gauge(registry, 'pending_subscriptions');
  const responses = counter(registry, 'responses_total');
  const acks = counter(registry, 'acks_total');
  const pushDelay = histogram(registry, 'push_delay_seconds');
  const firstSecret = histogram(registry, 'first_secret_seconds');
  for (const kind of METRICS.responses_total.labels.kind) responses.inc({ kind }, 0);
  for (const result of METRICS.acks_total.labels.result) acks.inc({ result }, 0);
  return {
    streamOpened: () => streams.inc(),
    streamClosed: () => streams.dec(),
    served: (kind) => responses.inc({ kind }),
    acknowledged: (result) => acks.inc({ result }),
    pendingChanged: (by) => pending.inc(by),
    pushed: (delaySeconds) => pushDelay.observe(delaySeconds),
    firstServed: (delaySeconds) => firstSecret.observe(delaySeconds),
  };
}

function createCacheMeter(registry: Registry): CacheMeter {
  const renewals = counter(registry, 'renewals_total');
  for (const result of METRICS.renewals_total.labels.result) renewals.inc({ result }, 0);
  return { renewed: (result) => renewals.inc({ result }) };
}

function createBundleMeter(registry: Registry): BundleMeter {
  const ignored = counter(registry, 'roots_ignored_total');
  for (const reason of METRICS.roots_ignored_total.labels.reason) ignored.inc({ reason }, 0);
  return { rootsIgnored: (reason, count) => ignored.inc({ reason }, count) };
}

function createCaMeter(registry: Registry, clock: Clock): CaMeter {
  const requests = counter(registry, 'ca_requests_total');
  const durations = histogram(registry, 'ca_request_duration_seconds');
  const inflight = gauge(registry, 'ca_inflight');
  const retries = counter(registry, 'ca_retries_total');
  const results = METRICS.ca_requests_total.labels.result;
  return {
    introduced: (provider) => retries.inc({ provider }, 0),
    requestStarted(provider, operation) {
      const startedMs = clock.monotonic();
      inflight.inc();
      return (result) => {
        inflight.dec();
        requests.inc({ provider, operation, result: closed(results, result) });
        durations.observe({ provider, operation }, (clock.monotonic() - startedMs) / 1000);
      };
    },
    retried: (provider) => retries.inc({ provider }),
  };
}

function createTokenMeter(registry: Registry): TokenMeter {
  const verifications = counter(registry, 'token_verifications_total');
  const results = METRICS.token_verifications_total.labels.result;
  return { verified: (verifier, result) => verifications.inc({ verifier, result: closed(results, result) }) };
}

function createPeerMeter(registry: Registry): PeerMeter {
  const attestations = counter(registry, 'peer_attestations_total');
  for (const result of METRICS.peer_attestations_total.labels.result) attestations.inc({ result }, 0);
  return { compared: (result) => attestations.inc({ result }) };
}

function createWorkloadApiMeter(registry: Registry): WorkloadApiMeter {
  const streams = gauge(registry, 'workload_api_streams');
  const requests = counter(registry, 'workload_api_requests_total');
  const results = METRICS.workload_api_requests_total.labels.result;
  return {
    streamOpened: () => streams.inc(),
    streamClosed: () => streams.dec(),
    requested: (method, result) => requests.inc({ method, result: closed(results, result) }),
  };
}

function createPolicyMeter(registry: Registry): PolicyMeter {
  const reads = counter(registry, 'policy_reads_total');
  for (const result of METRICS.policy_reads_total.labels.result) reads.inc({ result }, 0);
  return { policyRead: (result) => reads.inc({ result }) };
}

/** The gauges that are computed when somebody asks. */
function createStatusGauges(registry: Registry): (status: AgentStatus) => void {
  const secrets = gauge(registry, 'secrets');
  const overdue = gauge(registry, 'overdue_identities');
  const expiry = gauge(registry, 'secret_earliest_expiry_timestamp_seconds');
  const roots = gauge(registry, 'bundle_roots');
  const setExpiry = (kind: 'certificate' | 'bundle' | ForeignKind, expiriesMs: readonly number[]): void => {
    // Absent rather than 0: an alert on an expiry that is near would fire for what does not exist.
    if (expiriesMs.length === 0) expiry.remove({ kind });
    else expiry.set({ kind }, expiriesMs.reduce((earliest, ms) => Math.min(earliest, ms)) / 1000);
  };
  return ({ identities, bundles, foreign }) => {
    for (const kind of FOREIGN_KINDS) {
      const ofKind = foreign.filter((secret) => secret.kind === kind);
      for (const status of FOREIGN_STATES) {
        secrets.set({ kind, status }, ofKind.filter(({ state }) => state === status).length);
      }
      setExpiry(
        kind,
        ofKind.flatMap(({ notAfterMs }) => notAfterMs ?? []),
      );
    }
    for (const status of CERTIFICATE_STATES) {
      secrets.set({ kind: 'certificate', status }, identities.filter(({ state }) => state === status).length);
    }
    for (const alarm of METRICS.overdue_identities.labels.alarm) {
      overdue.set({ alarm }, identities.filter((identity) => identity.alarm === alarm).length);
    }
    secrets.set({ kind: 'bundle', status: 'ready' }, bundles.length);
    setExpiry(
      'certificate',
      identities.flatMap(({ notAfterMs }) => notAfterMs ?? []),
    );
    setExpiry(
      'bundle',
      bundles.map(({ notAfterMs }) => notAfterMs),
    );
    roots.set(bundles.reduce((sum, bundle) => sum + bundle.roots, 0));
  };
}

/** A value that is not in a label's closed set is counted under `other`. */
function closed(values: readonly string[], value: string): string {
  return values.includes(value) ? value : 'other';
}

type NameOf<Type extends MetricDeclaration['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends Type ? N : never;
}[MetricName];
type LabelOf<N extends MetricName> = Extract<keyof (typeof METRICS)[N]['labels'], string>;

function counter<N extends NameOf<'counter'>>(registry: Registry, name: N): Counter<LabelOf<N>> {
  return new Counter(configure<N>(registry, name));
}

function gauge<N extends NameOf<'gauge'>>(registry: Registry, name: N): Gauge<LabelOf<N>> {
  return new Gauge(configure<N>(registry, name));
}

function histogram<N extends NameOf<'histogram'>>(registry: Registry, name: N): Histogram<LabelOf<N>> {
  return new Histogram({ ...configure<N>(registry, name), buckets: [...METRICS[name].buckets] });
}

function configure<N extends MetricName>(registry: Registry, name: N) {
  return {
    name: `${METRIC_PREFIX}${name}`,
    help: METRICS[name].help,
    labelNames: keysOf(METRICS[name].labels),
    registers: [registry],
  };
}
