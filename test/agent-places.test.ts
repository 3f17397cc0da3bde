import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Agent } from '../src/agent.ts';
import { fetchStatus } from '../src/cli/admin-client.ts';
import { loadSettings } from '../src/config/load-settings.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { AgentWorld, encodeRequest, FETCH_SECRETS } from './agent-world.ts';
import { MemoryCa } from './fakes/memory-ca.ts';
import { RecordingLog } from './fakes/recording-log.ts';
import { eventually, settled } from './transport/eventually.ts';

async function startedAtMs(adminSocket: string): Promise<number> {
  return (await fetchStatus(adminSocket, AbortSignal.timeout(5000))).startedAtMs;
}

test('a second agent with all the same settings is told of the first, not of a port that is taken', async () => {
  await using world = await AgentWorld.start();
  const same = {
    SDS_UDS_PATH: world.socket,
    ADMIN_SOCKET: world.adminSocket,
    MONITORING_PORT: String(world.port('monitoring listens')),
  };
  await assert.rejects(AgentWorld.startAndStop({ env: same }), {
    code: 'socket-unusable',
    message: `cannot serve on ${world.socket}: another process serves it: stop that one, or choose another path`,
  });
});

test('an agent that cannot open its pages ends what it has loaded, a CA module too', async () => {
  await using world = await AgentWorld.start();
  const log = new RecordingLog();
  const env = {
    STATE_DIR: join(world.directory, 'other-state'),
    SDS_UDS_PATH: join(world.directory, 'sds', 'other'),
    ADMIN_SOCKET: join(world.directory, 'admin', 'other.sock'),
    MONITORING_ADDRESS: '127.0.0.1',
    MONITORING_PORT: String(world.port('monitoring listens')),
    TOKEN_VERIFIER: 'embedded',
    CA_PROVIDER: 'Custom',
    CUSTOM_CA_MODULE: fileURLToPath(new URL('./fixtures/custom-ca/talkative-module.js', import.meta.url)),
  };
  const agent = await Agent.load({ settings: loadSettings(env), clock: systemClock, log, version: '0.0.0-test' });
  const said = (): number => log.events.filter(({ message }) => message === 'still here').length;
  await eventually('the module talks', () => said() > 0);
  await assert.rejects(agent.run(new AbortController().signal), { message: /MONITORING_PORT/ });
  await settled(said);
});

test('an agent with another SDS socket does not get the admin socket of a living one', async () => {
  await using world = await AgentWorld.start();
  await assert.rejects(AgentWorld.startAndStop({ env: { ADMIN_SOCKET: world.adminSocket } }), {
    code: 'socket-unusable',
    message: /another process serves .*ADMIN_SOCKET/,
  });
  assert.equal(await startedAtMs(world.adminSocket), world.agent.status().startedAtMs);
});

test('a place where no admin socket can be is an error that names the setting, and nobody is served before it', async () => {
  await using world = await AgentWorld.start();
  const socket = join(world.directory, 'sds', 'other');
  const env = { SDS_UDS_PATH: socket, ADMIN_SOCKET: '/dev/null/admin.sock' };
  await assert.rejects(AgentWorld.startAndStop({ env }), { code: 'socket-unusable', message: /ADMIN_SOCKET/ });
  assert.ok(!existsSync(socket));
});

test('a successor gets both sockets while its predecessor still drains, and keeps them', async () => {
  const ca = await MemoryCa.create(systemClock);
  await using world = await AgentWorld.start({ ca: { provider: ca } });
  await using client = await world.connect();
  ca.hold();
  const request = encodeRequest({ resourceNames: ['default'] });
  const answered = client.unary(FETCH_SECRETS, { authorization: await world.token() }, request).catch(() => undefined);
  await world.until(() => ca.inFlight > 0);
  const stopped = world.stop();
  const said = (text: string): boolean => world.log.events.some(({ message }) => message.startsWith(text));
  await world.until(() => said('stopping'));
  const places = { SDS_UDS_PATH: world.socket, ADMIN_SOCKET: world.adminSocket };
  await using successor = await AgentWorld.start({ env: places });
  assert.ok(!said('the agent has stopped'), 'it drained all the while');
  ca.release();
  await Promise.all([answered, stopped]);
  assert.equal(await startedAtMs(world.adminSocket), successor.agent.status().startedAtMs);
  assert.ok(existsSync(world.socket));
});

/** Where `ADMIN_SOCKET` leads into the directory `sds`, which pods mount; `target` is what `link` leads to. */
const WAYS_IN = [
  { what: 'a link to it', target: 'sds', admin: 'link/admin.sock' },
  { what: 'a link to what is above it', target: '.', admin: 'link/sds/admin.sock' },
  { what: 'a link, below it, where nothing is yet', target: 'sds', admin: 'link/a/b/admin.sock' },
  { what: 'a link out of a link', target: 'sds/deep', admin: 'link/../admin.sock' },
];

async function directoryWithLink(t: TestContext, target: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sds-places-'));
  t.after(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, 'sds', 'deep'), { recursive: true });
  await symlink(join(directory, target), join(directory, 'link'));
  return directory;
}

for (const { what, target, admin } of WAYS_IN) {
  test(`the admin socket does not get where pods reach it, by ${what}`, async (t) => {
    const directory = await directoryWithLink(t, target);
    const places = { SDS_UDS_PATH: join(directory, 'sds', 'uds_path'), ADMIN_SOCKET: `${directory}/${admin}` };
    await assert.rejects(AgentWorld.startAndStop({ env: places }), {
      code: 'settings-invalid',
      message: /ADMIN_SOCKET .* leads into .*\/sds": that is the directory of SDS_UDS_PATH/,
    });
    assert.ok(!existsSync(places.SDS_UDS_PATH), 'nobody was served');
    assert.ok(!existsSync(join(directory, 'sds', 'a')), 'no directory was made');
  });
}

test('the admin socket does not get where the Workload API is either', async (t) => {
  const directory = await directoryWithLink(t, 'workload');
  await mkdir(join(directory, 'workload'));
  const env = {
    WORKLOAD_API_UDS_PATH: join(directory, 'workload', 'api.sock'),
    WORKLOAD_API_UIDS: '0=spiffe://cluster.local/web',
    ADMIN_SOCKET: join(directory, 'link', 'admin.sock'),
  };
  await assert.rejects(AgentWorld.start({ env }), {
    code: 'settings-invalid',
    message: /ADMIN_SOCKET .* leads into .*\/workload": that is the directory of WORKLOAD_API_UDS_PATH/,
  });
});

test('the admin socket may be behind a link that leads elsewhere', async (t) => {
  const directory = await directoryWithLink(t, 'elsewhere');
  await mkdir(join(directory, 'elsewhere'));
  await using world = await AgentWorld.start({ env: { ADMIN_SOCKET: join(directory, 'link', 'admin.sock') } });
  assert.ok(existsSync(join(directory, 'elsewhere', 'admin.sock')));
  assert.deepEqual(world.agent.status().unready, []);
});
