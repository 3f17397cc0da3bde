import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { MonitoringServer } from '../../src/telemetry/monitoring-server.ts';
import { Readiness } from '../../src/telemetry/readiness.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { http } from './http-client.ts';
import { SampleAgent } from './sample-agent.ts';

function createSample() {
  const view = new SampleAgent();
  const log = new RecordingLog();
  const readiness = new Readiness();
  const metrics = createMetrics({ clock: new FakeClock(), version: '1.2.3', processMetrics: false });
  return { view, log, readiness, server: new MonitoringServer({ view, metrics, readiness, log }) };
}

test('metrics are served in the text format of Prometheus', async () => {
  await using server = createSample().server;
  const port = await server.listen('127.0.0.1', 0);
  const { status, headers, body } = await http({ port, path: '/metrics?x=1' });
  assert.equal(status, 200);
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(body, /^sds_agent_bundle_roots 2$/m);
});

test('alive is who answers; ready is who meets every condition, and the unmet ones are named line by line', async () => {
  const { server, readiness } = createSample();
  await using _ = server;
  const port = await server.listen('127.0.0.1', 0);
  assert.deepEqual((await http({ port, path: '/healthz/live' })).body, 'ok\n');
  const unready = await http({ port, path: '/healthz/ready' });
  assert.equal(unready.status, 503);
  assert.deepEqual(unready.body.match(/^[a-z-]+(?=: )/gm), ['socket', 'ca', 'token-verifier']);
  for (const condition of ['socket', 'ca', 'token-verifier'] as const) readiness.set(condition, true);
  const ready = await http({ port, path: '/healthz/ready' });
  assert.deepEqual([ready.status, ready.body], [200, 'ok\n']);
});

const ANSWERS = [
  { method: 'HEAD', path: '/metrics', status: 200 },
  { method: 'POST', path: '/metrics', status: 405, allow: 'GET, HEAD' },
  { method: 'DELETE', path: '/healthz/live', status: 405, allow: 'GET, HEAD' },
  { method: 'GET', path: '/', status: 404 },
  { method: 'GET', path: '/metrics/', status: 404 },
];

test('only GET and HEAD of known paths are answered', async () => {
  await using server = createSample().server;
  const port = await server.listen('127.0.0.1', 0);
  for (const { method, path, status, allow } of ANSWERS) {
    const answer = await http({ port, method, path });
    assert.deepEqual([answer.status, answer.headers.allow], [status, allow], `${method} ${path}`);
  }
  assert.equal((await http({ port, method: 'HEAD', path: '/metrics' })).body, '');
});

test('a scrape that fails is a 500 and a line in the log, and the next one works', async () => {
  const { server, view, log } = createSample();
  await using _ = server;
  const port = await server.listen('127.0.0.1', 0);
  const { status } = view;
  view.status = () => assert.fail('secret detail');
  const failed = await http({ port, path: '/metrics' });
  assert.deepEqual([failed.status, failed.body], [500, 'internal error\n']);
  assert.deepEqual(
    log.events.map(({ level }) => level),
    ['error'],
  );
  view.status = status;
  assert.equal((await http({ port, path: '/metrics' })).status, 200);
});

test('an address that cannot be had is an error that names the settings', async () => {
  await using first = createSample().server;
  await using second = createSample().server;
  const port = await first.listen('127.0.0.1', 0);
  await assert.rejects(second.listen('127.0.0.1', port), {
    code: 'socket-unusable',
    message: new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port} \\(MONITORING_ADDRESS, MONITORING_PORT\\): `),
  });
});

test('closing ends idle connections and is harmless twice', async () => {
  const { server } = createSample();
  await using _ = server;
  const port = await server.listen('127.0.0.1', 0);
  await fetch(`http://127.0.0.1:${port}/healthz/live`).then((answer) => answer.text());
  await server.close();
  await server.close();
  await assert.rejects(http({ port, path: '/healthz/live' }), { code: 'ECONNREFUSED' });
});
