import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { dispatch } from '../../src/cli/dispatch.ts';
import { AgentWorld } from '../agent-world.ts';
import { RecordingIo } from './recording-io.ts';

interface Fetching {
  readonly io: RecordingIo;
  readonly status: number;
}

async function fetchFrom(world: AgentWorld, ...argv: string[]): Promise<Fetching> {
  const io = new RecordingIo({ SDS_UDS_PATH: world.socket });
  const tokenFile = join(world.directory, 'token');
  await writeFile(tokenFile, `${await world.token()}\n`);
  return { io, status: await dispatch(['fetch', ...argv, '--token-file', tokenFile], io) };
}

test('fetch shows the certificate to people, and never the key', async () => {
  await using world = await AgentWorld.start();
  const { io, status } = await fetchFrom(world, 'default');
  assert.equal(status, 0);
  assert.match(io.out, /name {8}URI:spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web/);
  assert.match(io.out, /not after .*\(in 23h\)/);
  assert.doesNotMatch(io.out, /PRIVATE/);
});

test('fetch --json is stable: kind, serial, names, validity and chain', async () => {
  await using world = await AgentWorld.start();
  const { io } = await fetchFrom(world, 'default', '--json');
  const fetched = JSON.parse(io.out);
  assert.equal(fetched.kind, 'certificate');
  assert.deepEqual(fetched.sans, ['URI:spiffe://cluster.local/ns/shop/sa/web']);
  assert.match(fetched.serial, /^[0-9a-f]+$/);
  assert.match(fetched.notAfter, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(fetched.chain.length, 2);
  assert.doesNotMatch(io.out, /PRIVATE/);
});

for (const [name, kind] of [
  ['ROOTCA', 'bundle'],
  ['ALL', 'all-bundles'],
]) {
  test(`fetch ${name} shows the roots`, async () => {
    await using world = await AgentWorld.start();
    const { io } = await fetchFrom(world, name ?? '');
    assert.match(io.out, new RegExp(`^${name}: ${kind}`));
    assert.match(io.out, /embedded root/);
  });
}

test('fetch --out writes chain and key for their owner alone, and says where', async () => {
  await using world = await AgentWorld.start();
  const directory = join(world.directory, 'out');
  const { io } = await fetchFrom(world, 'default', '--out', directory);
  assert.match(await readFile(join(directory, 'cert-chain.pem'), 'utf8'), /^-----BEGIN CERTIFICATE-----/);
  assert.match(await readFile(join(directory, 'key.pem'), 'utf8'), /PRIVATE KEY/);
  assert.equal((await stat(join(directory, 'key.pem'))).mode & 0o777, 0o600);
  assert.match(io.err, /wrote .*key\.pem/);
});

test('fetch of a name that is not served says so, with status 69', async () => {
  await using world = await AgentWorld.start();
  const { io, status } = await fetchFrom(world, 'nonsense');
  assert.equal(status, 69);
  assert.match(io.err, /NOT_FOUND: .*nonsense/);
});

test('fetch without an agent, without a token file and without a name says what is missing', async () => {
  const io = new RecordingIo({ SDS_UDS_PATH: '/nonexistent/socket' });
  assert.equal(await dispatch(['fetch', 'default', '--token-file', '/nonexistent/token'], io), 69);
  assert.match(io.err, /\/nonexistent\/token cannot be read/);
  assert.equal(await dispatch(['fetch', 'default', '--token-file', 'package.json'], io), 69);
  assert.match(io.err, /is the agent running/);
  assert.equal(await dispatch(['fetch'], io), 64);
  assert.match(io.err, /NAME is missing/);
});
