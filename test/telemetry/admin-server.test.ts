import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { AdminServer } from '../../src/telemetry/admin-server.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { http, open } from './http-client.ts';
import { CART, SAMPLE_STATUS, SampleAgent, WEB } from './sample-agent.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'admin-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function createSample() {
  const agent = new SampleAgent();
  const log = new RecordingLog();
  const socketPath = join(directory, 'run', 'admin.sock');
  return { agent, log, socketPath, server: new AdminServer({ view: agent, control: agent, log }) };
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('the socket and its directory are for this user alone', async () => {
  const { server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  assert.equal(modeOf(socketPath), 0o600);
  assert.equal(modeOf(join(directory, 'run')), 0o700);
  assert.deepEqual(readdirSync(join(directory, 'run')), ['admin.sock']);
  await server.close();
  assert.deepEqual(readdirSync(join(directory, 'run')), []);
});

test('a socket that a dead agent left behind is replaced', async () => {
  const { server, socketPath } = createSample();
  const script = `require('fs').mkdirSync(${JSON.stringify(join(directory, 'run'))});
    require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL');
  assert.ok(statSync(socketPath).isSocket());
  await using _ = server;
  await server.listen(socketPath);
  assert.equal((await http({ socketPath, path: '/status' })).status, 200);
});

test('an agent that lives keeps its socket; when it has gone the next one can have it', async () => {
  const first = createSample();
  const second = createSample();
  await using _ = first.server;
  await using __ = second.server;
  await first.server.listen(first.socketPath);
  const expected = {
    code: 'socket-unusable',
    message: /another process serves .*: stop that one, or set ADMIN_SOCKET/,
  };
  await assert.rejects(second.server.listen(second.socketPath), expected);
  assert.equal((await http({ socketPath: first.socketPath, path: '/status' })).status, 200);
  await first.server.close();
  await second.server.listen(second.socketPath);
  assert.equal((await http({ socketPath: second.socketPath, path: '/status' })).status, 200);
});

test('what is not a socket is not touched', async () => {
  const { server } = createSample();
  await using _ = server;
  const file = join(directory, 'notes.txt');
  writeFileSync(file, 'mine');
  await assert.rejects(server.listen(file), { code: 'socket-unusable', message: /is not a socket.*ADMIN_SOCKET/ });
  assert.equal(statSync(file).size, 4);
});

test('paths that the kernel would cut, and places where no socket can be made, are errors that name the setting', async () => {
  for (const path of [
    join(directory, 'x'.repeat(108)),
    join('/proc', 'admin.sock'),
    join(directory, 'file', 'admin.sock'),
  ]) {
    writeFileSync(join(directory, 'file'), '');
    await assert.rejects(
      createSample().server.listen(path),
      { code: 'socket-unusable', message: /ADMIN_SOCKET/ },
      path,
    );
  }
});

test('a socket that another agent has put in our place stays when we leave', async () => {
  const { server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  rmSync(socketPath);
  const other = createServer().listen(socketPath);
  await new Promise((resolve) => other.once('listening', resolve));
  await server.close();
  const stays = existsSync(socketPath);
  await new Promise((resolve) => other.close(resolve));
  assert.ok(stays);
});

test('the status is given as JSON', async () => {
  const { server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  assert.deepEqual(JSON.parse((await http({ socketPath, path: '/status' })).body), SAMPLE_STATUS);
});

const ROTATIONS = [
  { body: { identity: WEB }, asked: WEB, events: [{ progress: `renewing ${WEB}` }, { done: true, rotated: [WEB] }] },
  {
    body: { all: true },
    asked: 'all',
    events: [{ progress: 'renewing every certificate' }, { done: true, rotated: [WEB, CART] }],
  },
  {
    body: { root: true },
    asked: 'root',
    events: [{ progress: 'both roots are trusted' }, { done: true, rotated: [] }],
  },
];

test('a rotation is told line by line', async () => {
  const { agent, server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  for (const { body, events } of ROTATIONS) {
    const answer = await http({ socketPath, path: '/rotate', method: 'POST' }, JSON.stringify(body));
    assert.equal(answer.status, 200);
    assert.deepEqual(
      answer.body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
      events,
    );
  }
  assert.deepEqual(
    agent.asked,
    ROTATIONS.map(({ asked }) => asked),
  );
});

test('a rotation that fails ends with its error, without the cause', async () => {
  const { agent, server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  const cause = new Error('secret detail');
  agent.onRotate = () => Promise.reject(new AgentError('ca-unavailable', 'vault is out of reach', { cause }));
  const { body } = await http({ socketPath, path: '/rotate', method: 'POST' }, '{"all":true}');
  const last = body.trim().split('\n').at(-1);
  assert.deepEqual(JSON.parse(last ?? ''), { error: { code: 'ca-unavailable', message: 'vault is out of reach' } });
});

const BAD_BODIES = [
  { body: '', code: 'request-invalid' },
  { body: 'nonsense', code: 'request-invalid' },
  { body: 'null', code: 'request-invalid' },
  { body: '[]', code: 'request-invalid' },
  { body: '{}', code: 'request-invalid' },
  { body: '{"all":false}', code: 'request-invalid' },
  { body: '{"all":true,"root":true}', code: 'request-invalid' },
  { body: '{"identity":7}', code: 'request-invalid' },
  { body: '{"identity":"spiffe://td"}', code: 'request-invalid' },
  { body: `{"all":true}${' '.repeat(70_000)}`, code: 'request-too-large' },
];

test('a request that is not understood is answered with what is wrong and starts nothing', async () => {
  const { agent, server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  for (const { body, code } of BAD_BODIES) {
    const answer = await http({ socketPath, path: '/rotate', method: 'POST' }, body);
    assert.deepEqual([answer.status, JSON.parse(answer.body).error.code], [400, code], body.slice(0, 60));
  }
  assert.equal((await http({ socketPath, path: '/rotate' })).status, 405);
  assert.deepEqual(agent.asked, []);
});

test('who leaves stops waiting', async () => {
  const { agent, server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  const aborted = new Promise<void>((resolve) => {
    agent.onRotate = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(new AgentError('request-cancelled', 'nobody waits any more'));
          resolve();
        });
      });
  });
  const response = await open({ socketPath, path: '/rotate', method: 'POST' }, '{"root":true}');
  response.destroy();
  await aborted;
});

test('closing ends a rotation that somebody waits for', async () => {
  const { agent, server, socketPath } = createSample();
  await using _ = server;
  await server.listen(socketPath);
  let aborted = false;
  agent.onRotate = (signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        aborted = true;
        resolve();
      });
    });
  const response = await open({ socketPath, path: '/rotate', method: 'POST' }, '{"all":true}');
  const ended = new Promise((resolve) =>
    response
      .on('close', resolve)
      .on('error', () => undefined)
      .resume(),
  );
  await server.close();
  await ended;
  assert.equal(aborted, true);
});
