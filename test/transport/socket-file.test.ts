import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { SocketFile } from '../../src/transport/socket-file.ts';

async function directory(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'sds-socket-'));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

async function bound(t: TestContext, path: string, mode = 0o666, gid?: number): Promise<[SocketFile, Server]> {
  const server = createServer((socket) => socket.destroy());
  t.after(() => server.close());
  const file = new SocketFile({ path, mode, gid });
  await file.bind(server);
  return [file, server];
}

const unusable =
  (advice: RegExp) =>
  (error: unknown): boolean => {
    assert(error instanceof AgentError);
    assert.equal(error.code, 'socket-unusable');
    assert.match(error.message, advice);
    return true;
  };

const leaveStale = (path: string): void => {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
  assert.throws(() => execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' }));
};

for (const mode of [0o666, 0o600, 0o660]) {
  test(`the socket has mode ${mode.toString(8)} whatever the umask, and nothing else is left beside it`, async (t) => {
    const inside = await directory(t);
    const umask = process.umask(0o077);
    t.after(() => process.umask(umask));
    await bound(t, join(inside, 'uds_path'), mode);
    assert.deepEqual(await readdir(inside), ['uds_path']);
    assert.equal((await lstat(join(inside, 'uds_path'))).mode & 0o777, mode);
    assert.equal(process.umask(), 0o077);
  });
}

test('the socket is given to the group', {
  skip: process.getuid?.() !== 0 && 'only root may give files away',
}, async (t) => {
  const path = join(await directory(t), 'uds_path');
  await bound(t, path, 0o660, 12_345);
  assert.equal((await lstat(path)).gid, 12_345);
});

test('a stale socket is replaced', async (t) => {
  const path = join(await directory(t), 'uds_path');
  leaveStale(path);
  const { ino } = await lstat(path);
  await bound(t, path);
  assert.notEqual((await lstat(path)).ino, ino);
});

test('a live socket is refused, and goes on serving', async (t) => {
  const path = join(await directory(t), 'uds_path');
  const [, server] = await bound(t, path);
  await assert.rejects(bound(t, path), unusable(/another process serves it/));
  assert.equal(server.listening, true);
  assert.equal((await lstat(path)).isSocket(), true);
});

test('a file that is not a socket is refused and left alone', async (t) => {
  const path = join(await directory(t), 'uds_path');
  await writeFile(path, 'precious');
  await assert.rejects(bound(t, path), unusable(/not a socket: remove it/));
  assert.equal((await lstat(path)).isFile(), true);
});

test('a directory that is missing is named in the advice', async (t) => {
  const path = join(await directory(t), 'missing', 'uds_path');
  await assert.rejects(bound(t, path), unusable(/directory does not exist: create it/));
});

test('a directory in its place is refused', async (t) => {
  const path = join(await directory(t), 'uds_path');
  await mkdir(path);
  await assert.rejects(bound(t, path), unusable(/not a socket/));
});

test('a directory that may not be written to is refused', {
  skip: process.getuid?.() === 0 && 'root may write',
}, async (t) => {
  const inside = await directory(t);
  await chmod(inside, 0o500);
  await assert.rejects(bound(t, join(inside, 'uds_path')), unusable(/right to write/));
});

test('a path of 107 bytes works, one of 108 is refused and not cut', async (t) => {
  const inside = await directory(t);
  const name = (bytes: number): string => join(inside, 'x'.repeat(bytes - Buffer.byteLength(inside) - 1));
  await bound(t, name(107));
  await assert.rejects(bound(t, name(108)), unusable(/108 bytes are too long/));
  assert.deepEqual(await readdir(inside), [name(107).slice(inside.length + 1)]);
});

test('the socket is removed at the end', async (t) => {
  const inside = await directory(t);
  const [file, server] = await bound(t, join(inside, 'uds_path'));
  server.close();
  await file.remove();
  await file.remove();
  assert.deepEqual(await readdir(inside), []);
});

test('a socket that another agent has put in its place stays when this one leaves', async (t) => {
  const path = join(await directory(t), 'uds_path');
  const [first, server] = await bound(t, path);
  server.close();
  const [, second] = await bound(t, path);
  await first.remove();
  assert.equal((await lstat(path)).isSocket(), true);
  const client = connect(path);
  await once(client, 'connect');
  client.destroy();
  assert.equal(second.listening, true);
});
