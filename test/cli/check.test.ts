import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dispatch } from '../../src/cli/dispatch.ts';
import { ProcessTable } from '../../src/identity/attestation/process-table.ts';
import { seesNode } from '../../src/identity/attestation/sees-node.ts';
import { AgentWorld } from '../agent-world.ts';
import { CitadelCa } from '../fakes/citadel-ca.ts';
import { RecordingIo } from './recording-io.ts';

/** Runs `check` for an agent in an empty directory, after the directory was prepared. */
async function checkIn(
  prepare: (directory: string) => Promise<unknown>,
  env: Readonly<Record<string, string>> = {},
  morePlaces: Readonly<Record<string, string>> = {},
): Promise<{ io: RecordingIo; status: number; stateMade: boolean }> {
  const directory = await mkdtemp(join(tmpdir(), 'sds-check-'));
  const places = {
    STATE_DIR: join(directory, 'state'),
    SDS_UDS_PATH: join(directory, 'sds', 'uds_path'),
    ADMIN_SOCKET: join(directory, 'admin', 'admin.sock'),
    MONITORING_PORT: '0',
    DEBUG_PORT: '0',
  };
  const more = Object.entries(morePlaces).map(([name, place]) => [name, join(directory, place)]);
  const io = new RecordingIo({ ...places, ...env, ...Object.fromEntries(more) });
  try {
    await prepare(directory);
    const status = await dispatch(['check'], io);
    return { io, status, stateMade: existsSync(places.STATE_DIR) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function makeSocketDirectories(directory: string): Promise<void> {
  await mkdir(join(directory, 'sds'));
  await mkdir(join(directory, 'admin'));
}

test('check finds nothing wrong with an empty node, and leaves it empty', async () => {
  const { io, status, stateMade } = await checkIn(makeSocketDirectories);
  assert.equal(status, 0, io.out);
  assert.doesNotMatch(io.out, /fault/);
  assert.equal(stateMade, false);
});

test('check says whether the agent can see which process is in which pod', async () => {
  const { io: off } = await checkIn(makeSocketDirectories);
  assert.match(off.out, /^ok {5}attestation +PEER_ATTESTATION is off: /m);
  const { io: enforce, status } = await checkIn(makeSocketDirectories, { PEER_ATTESTATION: 'enforce' });
  // On a machine of its own it can; in a container without the pids of its host it cannot.
  const sees = seesNode(new ProcessTable());
  assert.match(enforce.out, sees ? /^ok .* can be seen$/m : /^fault .* set hostPID: true, or nobody is served$/m);
  assert.equal(status, sees ? 0 : 64);
});

test('check names a directory that is missing, and the setting to change', async () => {
  const { io, status } = await checkIn(async () => undefined);
  assert.equal(status, 69);
  assert.match(io.out, /^fault {2}SDS socket .*is not there: make it, or change SDS_UDS_PATH/m);
});

for (const [what, setting, place] of [
  ['SDS socket', 'SDS_UDS_PATH', 'sds/uds_path'],
  ['workload API', 'WORKLOAD_API_UDS_PATH', 'sds/workload.sock'],
  ['gateway socket', 'GATEWAY_SDS_UDS_PATH', 'gateway/uds_path'],
  ['admin socket', 'ADMIN_SOCKET', 'admin/admin.sock'],
] as const) {
  test(`check tells of what is in the place of the ${what} and is none`, async () => {
    const { io, status } = await checkIn(
      async (directory) => {
        await makeSocketDirectories(directory);
        await mkdir(join(directory, 'gateway'));
        await writeFile(join(directory, place), 'mine');
      },
      {
        WORKLOAD_API_UIDS: '0=spiffe://cluster.local/web',
        GATEWAY_SECRETS_NAMESPACE: 'gateways',
        KUBERNETES_API_SERVER: 'http://localhost:1',
      },
      { WORKLOAD_API_UDS_PATH: 'sds/workload.sock', GATEWAY_SDS_UDS_PATH: 'gateway/uds_path' },
    );
    assert.equal(status, 69);
    assert.match(io.out, new RegExp(`^fault  ${what} .*is not a socket: remove it, or change ${setting}$`, 'm'));
  });
}

test('check tells of an admin socket that pods can reach by a link, as a wrong setting', async () => {
  const { io, status } = await checkIn(async (directory) => {
    await mkdir(join(directory, 'sds'));
    await symlink(join(directory, 'sds'), join(directory, 'admin'));
  });
  assert.equal(status, 64);
  assert.match(io.out, /^fault {2}admin socket .*leads into .*which pods mount/m);
});

test('check tells of an admin socket that another agent serves', async () => {
  await using world = await AgentWorld.start();
  const { io, status } = await checkIn(makeSocketDirectories, { ADMIN_SOCKET: world.adminSocket });
  assert.equal(status, 69);
  assert.match(io.out, /^fault {2}admin socket .*is served by an agent with another SDS_UDS_PATH/m);
});

test('check tells of a CA whose state is broken', async () => {
  const { io, status } = await checkIn(async (directory) => {
    await makeSocketDirectories(directory);
    await mkdir(join(directory, 'state'), { mode: 0o700 });
    await writeFile(join(directory, 'state', 'ca.json'), '{', { mode: 0o600 });
  });
  assert.equal(status, 69);
  assert.match(io.out, /^fault {2}CA .*ca\.json/m);
});

test('check asks every CA of a failover order', async () => {
  const module = join(import.meta.dirname, '../fixtures/custom-ca/faulty-module.js');
  const env = { CA_PROVIDER: 'Faulty,Embedded', CUSTOM_CA_MODULE: module, CA_ADDR: 'nobody-speaks' };
  const empty = await checkIn(makeSocketDirectories, env);
  assert.equal(empty.status, 0, empty.io.out);
  assert.match(empty.io.out, /^ok {5}CA .*state is made on the first start; Faulty answers, with one root$/m);
  const { io } = await checkIn(async (directory) => {
    await makeSocketDirectories(directory);
    await mkdir(join(directory, 'state'), { mode: 0o700 });
  }, env);
  assert.match(io.out, /^ok {5}CA .*Faulty answers, with one root; Embedded answers, with one root$/m);
});

test('what providers lack is in the one list of faults', async () => {
  const env = { CA_PROVIDER: 'VaultCA,Citadel', TOKEN_VERIFIER: 'embedded', SECRET_TTL: 'soon', VAULT_ROLE: 'web' };
  const { io, status } = await checkIn(makeSocketDirectories, env);
  assert.equal(status, 64);
  assert.match(io.err, /4 faults:/);
  for (const name of ['SECRET_TTL', 'VAULT_ADDR', 'VAULT_SIGN_CSR_PATH', 'CA_ADDR']) assert.match(io.err, RegExp(name));
});

test('check names every CA of a failover order that is not to be had, and what is wrong in settings most of all', async () => {
  const env = {
    ...{ CA_PROVIDER: 'Citadel,VaultCA', TOKEN_VERIFIER: 'embedded', CA_ADDR: 'unix:/nowhere/ca.sock' },
    ...{ VAULT_ADDR: 'vault:8200', VAULT_ROLE: 'web', VAULT_SIGN_CSR_PATH: 'pki/sign/web' },
  };
  const { io, status } = await checkIn(makeSocketDirectories, env);
  assert.equal(status, 64);
  assert.match(io.out, /^fault {2}CA .*Citadel: .*CA_ADDR.*; VaultCA: .*VAULT_ADDR is "vault:8200"/m);
});

test('check tells of a port that is taken, and not of those of the agent that runs already', async () => {
  await using world = await AgentWorld.start();
  const port = String(world.port('monitoring listens'));
  const env = { MONITORING_PORT: port, MONITORING_ADDRESS: '127.0.0.1' };
  const taken = await checkIn(makeSocketDirectories, env);
  assert.equal(taken.status, 69);
  assert.match(
    taken.io.out,
    /^fault {2}ports .*cannot listen on 127\.0\.0\.1:\d+ \(MONITORING_ADDRESS, MONITORING_PORT\)/m,
  );
  const same = { ...env, SDS_UDS_PATH: world.socket, ADMIN_SOCKET: world.adminSocket };
  const own = await checkIn(makeSocketDirectories, same);
  assert.match(own.io.out, /^ok {5}ports .*the agent that runs already/m);
});

test('check says of a CA that tells its roots with the first certificate that it can be reached', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'check-citadel-'));
  await using ca = await CitadelCa.start({ address: `unix:${join(directory, 'ca.sock')}` });
  const settings = { CA_PROVIDER: 'Citadel', CA_ADDR: ca.address, TOKEN_VERIFIER: 'embedded' };
  const found = await checkIn(makeSocketDirectories, settings);
  assert.match(found.io.out, /^ok {5}CA .*Citadel can be reached; it tells its roots with the first certificate/m);
  assert.equal(found.status, 0);
  ca.stop();
  const missed = await checkIn(makeSocketDirectories, settings);
  assert.match(missed.io.out, /^fault {2}CA .*CA_ADDR/m);
  assert.equal(missed.status, 69);
  await rm(directory, { recursive: true });
});

test('check tells of keys that nobody can read tokens with', async () => {
  const settings = { TOKEN_VERIFIER: 'jwks', TOKEN_JWKS: '/nonexistent/keys.json' };
  const { io, status } = await checkIn(makeSocketDirectories, settings);
  assert.equal(status, 69);
  assert.match(io.out, /^fault {2}token verifier .*\/nonexistent\/keys\.json/m);
});

test('check does not ask for the directory of the admin socket, which the agent makes', async () => {
  const { io, status } = await checkIn((directory) => mkdir(join(directory, 'sds')));
  assert.equal(status, 0, io.out);
});

test('check of a wrong setting ends with 64', async () => {
  const { io, status } = await checkIn(makeSocketDirectories, { SECRET_TTL: 'soon' });
  assert.equal(status, 64);
  assert.match(io.err, /SECRET_TTL/);
});

test('check of a running agent finds it, and disturbs nothing', async () => {
  await using world = await AgentWorld.start();
  const io = new RecordingIo({
    STATE_DIR: join(world.directory, 'state'),
    SDS_UDS_PATH: world.socket,
    ADMIN_SOCKET: world.adminSocket,
  });
  assert.equal(await dispatch(['check'], io), 0, io.out);
  assert.match(io.out, /is served by an agent that runs already/);
  assert.match(io.out, /Embedded answers, with one root/);
});
