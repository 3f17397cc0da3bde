import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { DebugServer } from '../../src/telemetry/debug-server.ts';
import { STATUS_PAGE } from '../../src/telemetry/status-page.ts';
import { FakeClock, seconds, settle } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { http, open } from './http-client.ts';
import { EVIL, NOW_MS, SAMPLE_STATUS, SampleAgent } from './sample-agent.ts';

async function startSample() {
  const clock = new FakeClock();
  const view = new SampleAgent();
  const log = new RecordingLog();
  const server = new DebugServer({ view, clock, log });
  const port = await server.listen(0);
  return { clock, view, log, server, port };
}

/** The events of a stream as they come. */
async function* readEvents(response: IncomingMessage): AsyncGenerator<unknown, undefined> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) yield JSON.parse(event.replace(/^data: /, ''));
  }
  return undefined;
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !condition(); turn++) await settle();
  assert.ok(condition());
}

test('the page loads nothing from elsewhere and runs its own script alone', async () => {
  const { server, port } = await startSample();
  await using _ = server;
  const { status, headers, body } = await http({ port, path: '/' });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  const policy = headers['content-security-policy'] ?? '';
  assert.match(String(policy), /default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='; style-src 'sha256-/);
  assert.doesNotMatch(String(policy), /unsafe/);
  assert.doesNotMatch(body, /https?:|\/\/[a-z]|<link rel="stylesheet"|<script src/);
  assert.doesNotMatch(STATUS_PAGE, /innerHTML|insertAdjacentHTML|document\.write|\seval\(|style=/);
  assert.equal(headers['x-content-type-options'], 'nosniff');
});

test('the status is there as JSON', async () => {
  const { server, port } = await startSample();
  await using _ = server;
  const { headers, body } = await http({ port, path: '/api/status' });
  assert.equal(headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(body), SAMPLE_STATUS);
});

test("what is served is there in Istio's words", async () => {
  const { server, view, port } = await startSample();
  await using _ = server;
  view.resources = [
    {
      connectionId: 3,
      proxy: 'sidecar~10.0.0.1~web',
      resourceName: 'default',
      certificateChainPem: 'CHAIN',
      createdMs: NOW_MS,
      expiresMs: NOW_MS + seconds(60),
    },
    { connectionId: 3, proxy: EVIL, resourceName: 'ROOTCA', rootCertPem: 'ROOT', expiresMs: NOW_MS },
  ];
  const { body } = await http({ port, path: '/debug/sds/workload' });
  assert.deepEqual(JSON.parse(body), {
    clients: [
      {
        connection_id: 'sidecar~10.0.0.1~web-3',
        proxy: 'sidecar~10.0.0.1~web',
        resource_name: 'default',
        certificate_chain: 'CHAIN',
        root_cert: '',
        created_time: '2030-01-01T00:00:00Z',
        expire_time: '2030-01-01T00:01:00Z',
      },
      {
        connection_id: `${EVIL}-3`,
        proxy: EVIL,
        resource_name: 'ROOTCA',
        certificate_chain: '',
        root_cert: 'ROOT',
        created_time: '',
        expire_time: '2030-01-01T00:00:00Z',
      },
    ],
  });
});

const HOSTS = [
  { host: 'localhost:8080', status: 200 },
  { host: 'LOCALHOST', status: 200 },
  { host: '127.0.0.1:8080', status: 200 },
  { host: '127.9.9.9', status: 200 },
  { host: '[::1]:8080', status: 200 },
  { host: 'evil.example', status: 403 },
  { host: 'localhost.evil.example', status: 403 },
  { host: '127.0.0.1.evil.example:80', status: 403 },
  { host: '10.0.0.1', status: 403 },
];

test('a name that somebody else made point to loopback is refused', async () => {
  const { server, port } = await startSample();
  await using _ = server;
  for (const { host, status } of HOSTS) {
    for (const path of ['/', '/api/status', '/api/events', '/debug/sds/workload']) {
      const method = status === 200 ? 'HEAD' : 'GET';
      assert.equal((await http({ port, path, method, headers: { host } })).status, status, `${host}${path}`);
    }
  }
});

test('a listener hears the status at once, then when it has changed and at most once a second', async () => {
  const { server, view, clock, port } = await startSample();
  await using _ = server;
  const response = await open({ port, path: '/api/events' });
  assert.equal(response.headers['content-type'], 'text/event-stream');
  const events = readEvents(response);
  assert.deepEqual((await events.next()).value, SAMPLE_STATUS);

  view.current = { ...SAMPLE_STATUS, nowMs: NOW_MS + 1 };
  await clock.advance(seconds(5));
  view.current = { ...SAMPLE_STATUS, streams: 5 };
  await clock.advance(seconds(0.5));
  view.current = { ...SAMPLE_STATUS, streams: 6 };
  await clock.advance(seconds(0.5));
  assert.deepEqual(
    (await events.next()).value,
    view.current,
    'the mere passing of time is no event; neither is what came between',
  );
  response.destroy();
});

test('nothing runs while nobody listens', async () => {
  const { server, clock, port } = await startSample();
  await using _ = server;
  assert.equal(clock.sleeping, 0);
  const responses = [await open({ port, path: '/api/events' }), await open({ port, path: '/api/events' })];
  await eventually(() => clock.sleeping === 1);
  for (const response of responses) response.destroy();
  await eventually(() => clock.sleeping === 0);
  const again = await open({ port, path: '/api/events' });
  await eventually(() => clock.sleeping === 1);
  again.destroy();
});

test('listeners are bounded', async () => {
  const { server, port } = await startSample();
  await using _ = server;
  const responses = await Promise.all(Array.from({ length: 16 }, () => open({ port, path: '/api/events' })));
  assert.deepEqual(new Set(responses.map(({ statusCode }) => statusCode)), new Set([200]));
  assert.equal((await http({ port, path: '/api/events' })).status, 503);
  for (const response of responses) response.destroy();
});

test('closing ends the listeners and what ran for them', async () => {
  const { server, clock, port } = await startSample();
  await using _ = server;
  const response = await open({ port, path: '/api/events' });
  const ended = new Promise((resolve) =>
    response
      .on('close', resolve)
      .on('error', () => undefined)
      .resume(),
  );
  await eventually(() => clock.sleeping === 1);
  await server.close();
  await ended;
  await eventually(() => clock.sleeping === 0);
});

test('a status that cannot be had ends the listeners, who then come back, and not the agent', async () => {
  const { server, view, clock, log, port } = await startSample();
  await using _ = server;
  const response = await open({ port, path: '/api/events' });
  const ended = new Promise((resolve) =>
    response
      .on('close', resolve)
      .on('error', () => undefined)
      .resume(),
  );
  await eventually(() => clock.sleeping === 1);
  view.status = () => assert.fail('broken');
  await clock.advance(seconds(1));
  await ended;
  assert.deepEqual(
    log.events.map(({ message }) => message),
    ['the status could not be told'],
  );
  assert.equal(clock.sleeping, 0);
});
