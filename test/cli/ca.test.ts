import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connect } from 'node:tls';
import { CaProcess } from '../../demo/processes/ca-process.ts';
import { runToEnd } from '../../demo/processes/run-to-end.ts';
import { dispatch } from '../../src/cli/dispatch.ts';
import { RecordingIo } from './recording-io.ts';

const LAUNCHER = join(import.meta.dirname, '../../../bin/sds-node-agent');

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ca-command-'));
});
afterEach(() => rm(directory, { recursive: true }));

for (const [argv, told] of [
  [['--listen', 'nowhere'], /--listen is "nowhere"; allowed is host:port, \[ipv6\]:port or unix:\/path/],
  [['--listen', '127.0.0.1:99999'], /--listen is "127.0.0.1:99999"/],
  [['--dns', 'ca.example.net,not a name'], /--dns has "not a name"; allowed is a list of DNS names and IP addresses/],
  [['--dns', 'a', '--dns', '-b-,c'], /--dns needs a value/],
  [['--dns='], /--dns has ""/],
  [['--tls-cert', '/tls.pem'], /--tls-cert and --tls-key go together/],
  [['--tls-cert', '/tls.pem', '--tls-key', '/tls.key', '--dns', 'a'], /exclude each other/],
  [['--listen', 'unix:/run/ca.sock', '--dns', 'a'], /a unix socket, which is served without TLS/],
  [['--max-ttl', '1d'], /--max-ttl is "1d"; allowed is a duration from 1s to 8760h/],
  [['--max-ttl', '8761h'], /--max-ttl is "8761h"/],
  [
    ['--ca-provider', 'Citadel', '--ca-addr', 'ca:1', '--token-verifier', 'embedded'],
    /ca serves the Embedded one only/,
  ],
  [['--secret-ttl', 'soon'], /SECRET_TTL/],
  [['--root-config-map', 'roots'], /--root-config-map is "roots"; allowed is NAMESPACE\/NAME/],
  [['--root-config-map', '../sds/roots'], /--root-config-map is /],
  [['--root-config-map', 'sds/roots'], /--root-config-map needs a cluster/],
  [['extra'], /unexpected argument "extra"/],
] as const) {
  test(`ca ${argv.join(' ')} is a usage error, and nothing is made`, async () => {
    const stateDir = join(directory, 'state');
    const io = new RecordingIo({ STATE_DIR: stateDir });
    assert.equal(await dispatch(['ca', ...argv], io), 64);
    assert.match(io.err, told);
    await assert.rejects(stat(stateDir), { code: 'ENOENT' });
  });
}

test('all faults are told at once', async () => {
  const io = new RecordingIo({ STATE_DIR: directory });
  assert.equal(await dispatch(['ca', '--listen=x', '--dns=a_,-', '--max-ttl=1d', '--tls-key=k'], io), 64);
  for (const flag of ['--listen', '--dns', '--max-ttl', '--tls-cert']) assert.ok(io.err.includes(flag), io.err);
});

test('a port that is taken ends it with 69, and so does a file that cannot be written with 64', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const env = { STATE_DIR: join(directory, 'state'), MONITORING_PORT: '' };
  const taken = await runToEnd(LAUNCHER, ['ca', '--listen', `127.0.0.1:${port}`], env);
  other.close();
  assert.equal(taken.status, 69, taken.stderr);
  assert.match(taken.stderr, /cannot listen on 127\.0\.0\.1:\d+: another process listens there/);
  const unwritable = await runToEnd(
    LAUNCHER,
    ['ca', '--listen', '127.0.0.1:0', '--root-file', '/nowhere/root.pem'],
    env,
  );
  assert.equal(unwritable.status, 64);
  assert.match(unwritable.stderr, /--root-file cannot be written: .*\/nowhere\/root\.pem/);
});

test('it shows a certificate for loopback that the root file verifies, and keeps its root when it is started again', async () => {
  const ca = new CaProcess(directory);
  await ca.start();
  const root = await readFile(ca.rootFile, 'utf8');
  assert.equal((await stat(ca.rootFile)).mode & 0o777, 0o644);
  assert.ok(new X509Certificate(root).ca);
  const port = Number(ca.address.split(':')[1]);
  const socket = connect({ port, host: '127.0.0.1', ca: root });
  await once(socket, 'secureConnect');
  assert.equal(socket.authorized, true);
  assert.match(socket.getPeerCertificate().subjectaltname ?? '', /^DNS:localhost, IP Address:127\.0\.0\.1, /);
  socket.destroy();
  await ca.kill();
  await ca.start();
  await ca.stop();
  assert.equal(await readFile(ca.rootFile, 'utf8'), root);
  assert.match(await readFile(ca.logFile, 'utf8'), /"the CA has stopped"/);
});
