import { collectDefaultMetrics, type Registry } from 'prom-client';

/** prom-client samples the event loop 100 times a second for these: 0.5% of a core in an agent that has nothing to do. */
const SAMPLED = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];
const NEVER_MS = 2 ** 31 - 1;

/**
 * Adds the process metrics (`process_*`, `nodejs_*`) that every Node dashboard knows, without those that cost
 * while nobody asks. The event loop's lag is there as measured at the scrape.
 */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const statistic of SAMPLED) registry.removeSingleMetric(`nodejs_eventloop_lag_${statistic}_seconds`);
}
