import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { metered } from '../../src/telemetry/metered-ca.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { FakeClock, hours, seconds } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { NOW_MS, SAMPLE_STATUS, SampleAgent } from './sample-agent.ts';

/** The promise to users: names and labels. */
const PROMISED: Readonly<Record<string, readonly string[]>> = {
  build_info: ['version', 'node_version'],
  streams: [],
  connections: [],
  pending_subscriptions: [],
  responses_total: ['kind'],
  acks_total: ['result'],
  push_delay_seconds: [],
  first_secret_seconds: [],
  secrets: ['kind', 'status'],
  secret_earliest_expiry_timestamp_seconds: ['kind'],
  overdue_identities: ['alarm'],
  renewals_total: ['result'],
  ca_requests_total: ['provider', 'operation', 'result'],
  ca_request_duration_seconds: ['provider', 'operation'],
  ca_inflight: [],
  ca_retries_total: ['provider'],
  token_verifications_total: ['verifier', 'result'],
  peer_attestations_total: ['result'],
  bundle_roots: [],
  roots_ignored_total: ['reason'],
  limit_refusals_total: ['limit'],
  workload_api_streams: [],
  workload_api_connections: [],
  workload_api_requests_total: ['method', 'result'],
  policy_reads_total: ['result'],
};

function createSample() {
  const clock = new FakeClock();
  const agent = new SampleAgent();
  const metrics = createMetrics({ clock, version: '1.2.3', processMetrics: false });
  return { clock, agent, metrics, samples: async () => parse(await metrics.expose(agent)) };
}

/** The samples of an exposition in Prometheus' text format, by series; a line that is none of it fails the test. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE) [a-z_]+ \S.*$/.test(line)) continue;
    const [, series, value] = line.match(/^([a-z_]+(?:\{(?:[a-z_]+="[^"\n]*",?)+\})?) (\S+)$/) ?? assert.fail(line);
    samples.set(String(series), Number(value));
  }
  return samples;
}

/** Each series once, so that metrics whose labels are not known beforehand show them. */
function exercise({ transport, sds, cache, bundle, ca, token, workloadApi, workloadApiTransport }: Metrics): void {
  transport.connectionOpened();
  transport.refused('connections');
  workloadApiTransport.connectionOpened();
  workloadApi.streamOpened();
  workloadApi.requested('FetchX509SVID', 'ok');
  workloadApi.requested('FetchX509SVID', 'request-too-large');
  sds.streamOpened();
  sds.pendingChanged(2);
  sds.served('certificate');
  sds.acknowledged('ack');
  sds.pushed(0.002);
  sds.firstServed(0.2);
  cache.renewed('issued');
  bundle.rootsIgnored('expired', 2);
  ca.requestStarted('Embedded', 'sign')('ok');
  ca.retried('Embedded');
  token.verified('embedded', 'ok');
}

test('every promised metric is there, with its labels and no others', async () => {
  const { metrics, samples } = createSample();
  exercise(metrics);
  const labels = new Map<string, Set<string>>();
  for (const series of (await samples()).keys()) {
    const [name = ''] = series.split('{');
    const metric = name.replace(/^sds_agent_/, '').replace(/_(bucket|sum|count)$/, '');
    const known = labels.get(metric) ?? new Set();
    for (const [, label = ''] of series.matchAll(/([a-z_]+)="/g)) if (label !== 'le') known.add(label);
    labels.set(metric, known);
  }
  const shown = [...labels].map(([metric, known]) => [metric, [...known].sort()] as const);
  const promised = Object.entries(PROMISED).map(([metric, known]) => [metric, [...known].sort()] as const);
  assert.deepEqual(Object.fromEntries(shown), Object.fromEntries(promised));
});

test('what rooms report is counted', async () => {
  const { clock, metrics, samples } = createSample();
  exercise(metrics);
  exercise(metrics);
  metrics.transport.connectionClosed();
  metrics.sds.streamClosed();
  metrics.sds.pendingChanged(-1);
  metrics.workloadApiTransport.connectionClosed();
  metrics.workloadApi.streamClosed();
  const ended = metrics.ca.requestStarted('Embedded', 'roots');
  assert.equal((await samples()).get('sds_agent_ca_inflight'), 1);
  await clock.advance(seconds(2));
  ended('ca-timeout');
  const shown = await samples();
  const expected = {
    sds_agent_connections: 1,
    sds_agent_streams: 1,
    sds_agent_pending_subscriptions: 3,
    'sds_agent_responses_total{kind="certificate"}': 2,
    'sds_agent_responses_total{kind="bundle"}': 0,
    'sds_agent_acks_total{result="ack"}': 2,
    'sds_agent_acks_total{result="nack"}': 0,
    'sds_agent_push_delay_seconds_bucket{le="0.001"}': 0,
    'sds_agent_push_delay_seconds_bucket{le="0.0025"}': 2,
    sds_agent_first_secret_seconds_count: 2,
    'sds_agent_renewals_total{result="issued"}': 2,
    'sds_agent_renewals_total{result="token_expired"}': 0,
    'sds_agent_roots_ignored_total{reason="expired"}': 4,
    'sds_agent_roots_ignored_total{reason="unusable"}': 0,
    sds_agent_workload_api_connections: 1,
    sds_agent_workload_api_streams: 1,
    'sds_agent_workload_api_requests_total{method="FetchX509SVID",result="ok"}': 2,
    'sds_agent_workload_api_requests_total{method="FetchX509SVID",result="other"}': 2,
    'sds_agent_ca_requests_total{provider="Embedded",operation="sign",result="ok"}': 2,
    'sds_agent_ca_requests_total{provider="Embedded",operation="roots",result="ca-timeout"}': 1,
    'sds_agent_ca_request_duration_seconds_sum{provider="Embedded",operation="roots"}': 2,
    'sds_agent_ca_retries_total{provider="Embedded"}': 2,
    'sds_agent_token_verifications_total{verifier="embedded",result="ok"}': 2,
    sds_agent_ca_inflight: 0,
    [`sds_agent_build_info{version="1.2.3",node_version="${process.versions.node}"}`]: 1,
  };
  for (const [series, value] of Object.entries(expected)) assert.equal(shown.get(series), value, series);
});

test('a provider has its series before anything was retried', async () => {
  const { metrics, clock, samples } = createSample();
  metered(await MemoryCa.create(clock), metrics.ca, clock);
  assert.equal((await samples()).get('sds_agent_ca_retries_total{provider="Memory"}'), 0);
});

test('a result that is not in the closed set is counted as other', async () => {
  const { metrics, samples } = createSample();
  metrics.ca.requestStarted('Embedded', 'sign')('spiffe://cluster.local/ns/shop/sa/web');
  metrics.token.verified('embedded', 'eyJhbGciOiJub25lIn0');
  const shown = await samples();
  assert.equal(shown.get('sds_agent_ca_requests_total{provider="Embedded",operation="sign",result="other"}'), 1);
  assert.equal(shown.get('sds_agent_token_verifications_total{verifier="embedded",result="other"}'), 1);
  assert.ok(![...shown.keys()].some((series) => /spiffe|eyJ/.test(series)));
});

test('gauges show what the agent holds at the moment of the scrape', async () => {
  const { agent, samples } = createSample();
  const before = await samples();
  assert.equal(before.get('sds_agent_secrets{kind="certificate",status="ready"}'), 1);
  assert.equal(before.get('sds_agent_secrets{kind="certificate",status="stale"}'), 1);
  assert.equal(before.get('sds_agent_secrets{kind="certificate",status="issuing"}'), 0);
  assert.equal(before.get('sds_agent_secrets{kind="bundle",status="ready"}'), 1);
  assert.equal(before.get('sds_agent_overdue_identities{alarm="expired"}'), 1);
  assert.equal(before.get('sds_agent_overdue_identities{alarm="failing"}'), 0);
  assert.equal(before.get('sds_agent_bundle_roots'), 2);
  const expiry = 'sds_agent_secret_earliest_expiry_timestamp_seconds{kind="certificate"}';
  assert.equal(before.get(expiry), NOW_MS / 1000 - 180);
  assert.equal(before.get('sds_agent_secrets{kind="file-certificate",status="gone"}'), 1);
  assert.equal(before.get('sds_agent_secrets{kind="file-certificate",status="ready"}'), 0);
  assert.equal(before.get('sds_agent_secrets{kind="file-bundle",status="wanted"}'), 1);
  const fileExpiry = 'sds_agent_secret_earliest_expiry_timestamp_seconds{kind="file-certificate"}';
  assert.equal(before.get(fileExpiry), (NOW_MS + hours(48)) / 1000);
  assert.equal(before.has(fileExpiry.replace('file-certificate', 'file-bundle')), false);

  const [web] = SAMPLE_STATUS.identities;
  agent.current = { ...SAMPLE_STATUS, identities: web ? [web] : [], bundles: [] };
  const after = await samples();
  assert.equal(after.get('sds_agent_secrets{kind="certificate",status="stale"}'), 0);
  assert.equal(after.get('sds_agent_overdue_identities{alarm="expired"}'), 0);
  assert.equal(after.get(expiry), (NOW_MS + hours(24)) / 1000);
  assert.equal(after.get('sds_agent_bundle_roots'), 0);

  agent.current = { ...SAMPLE_STATUS, identities: [] };
  assert.equal((await samples()).has(expiry), false, 'no expiry where nothing can expire');
});

test("Node's process metrics are there, without those that cost while nobody asks", async () => {
  const metrics = createMetrics({ clock: new FakeClock(), version: '1.2.3' });
  const text = await metrics.expose(new SampleAgent());
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']) {
    assert.match(text, new RegExp(`^${name} `, 'm'));
  }
  assert.doesNotMatch(text, /eventloop_lag_p99/);
});

test('the document lists every metric', () => {
  const document = readFileSync('docs/metrics.md', 'utf8');
  for (const name of Object.keys(PROMISED)) assert.ok(document.includes(`\`sds_agent_${name}\``), name);
});
