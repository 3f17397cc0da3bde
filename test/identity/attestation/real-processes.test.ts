import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { AcceptedProcess, Attestation, PeerAttestor } from '../../../src/core/peer-attestor.ts';
import { KernelAttestor } from '../../../src/identity/attestation/kernel-attestor.ts';
import { ProcessTable } from '../../../src/identity/attestation/process-table.ts';
import { systemClock } from '../../../src/runtime/system-clock.ts';
import { ForeignProcess } from '../../fakes/foreign-process.ts';
import { PodCgroups } from '../../fakes/pod-cgroups.ts';
import { EchoServer } from '../../transport/echo-server.ts';
import { eventually } from '../../transport/eventually.ts';

const POD = 'bd445127-8720-434d-b38c-d308e9ff9b59';
const OTHER_POD = '7165a37d-fa49-4f53-b8f1-5793f523e617';
const IS_ROOT = process.getuid?.() === 0;
const onLinux = { skip: process.platform !== 'linux' && 'needs Linux' };

/** Connects when it hears a line, and then asks over HTTP/1.1 with each further one. */
const CLIENT = `
  const socket = require('node:net');
  let connection;
  lines.on('line', (line) => {
    if (line === 'connect') connection = socket.connect(process.argv[1], () => say('connected'));
    if (line === 'ask') connection.write('POST /echo HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 2\\r\\n\\r\\nhi');
    if (line === 'ask') connection.once('data', () => say('answered'));
  });
  say('ready');
`;

/** The kernel's attestor, and what it was asked and has said, in order. */
class WatchedAttestor implements PeerAttestor {
  readonly asked: AcceptedProcess[] = [];
  readonly said: Attestation[] = [];
  readonly #inner = new KernelAttestor(new ProcessTable());
  readonly #withPidfds: boolean;

  constructor(withPidfds = true) {
    this.#withPidfds = withPidfds;
  }

  attest(accepted: AcceptedProcess): Attestation {
    this.asked.push(accepted);
    const said = this.#inner.attest(this.#withPidfds ? accepted : { ...accepted, pidfd: 'unsupported' });
    this.said.push(said);
    return said;
  }
}

function startServer(attestor: PeerAttestor): Promise<EchoServer> {
  return EchoServer.start(systemClock, {}, { attestor });
}

/** Skips the test where pods' cgroups cannot be made. */
function requirePods(t: TestContext): PodCgroups | undefined {
  const pods = PodCgroups.create();
  if (pods === undefined) t.skip('cgroups cannot be made here');
  return pods;
}

/** Connects, has something answered, and gives what the call says of its peer. */
async function ask(server: EchoServer, client: ForeignProcess) {
  client.tell('connect');
  assert.equal(await client.hear(), 'connected');
  client.tell('ask');
  assert.equal(await client.hear(), 'answered');
  return server.calls.at(-1)?.peer;
}

for (const withPidfds of [true, false]) {
  test(`processes in pods are told apart ${withPidfds ? 'by pidfd' : 'by start time'}`, onLinux, async (t) => {
    await using pods = requirePods(t);
    if (pods === undefined) return;
    await using server = await startServer(new WatchedAttestor(withPidfds));
    for (const podUid of [POD, OTHER_POD]) {
      await using client = new ForeignProcess(CLIENT, [server.path]);
      pods.enter(podUid, client.pid);
      assert.equal(await client.hear(), 'ready');
      const peer = await ask(server, client);
      assert.deepEqual(peer?.attestation, { kind: 'pod', podUid });
      assert.equal(peer?.pid, client.pid);
    }
  });
}

test('a process of another user in a pod is in that pod', onLinux, async (t) => {
  if (!IS_ROOT) return t.skip('needs root');
  await using pods = requirePods(t);
  if (pods === undefined) return;
  await using server = await startServer(new WatchedAttestor());
  chmodSync(server.directory, 0o755);
  await using client = new ForeignProcess(CLIENT, [server.path], { uid: 1234, gid: 4321 });
  pods.enter(POD, client.pid);
  assert.equal(await client.hear(), 'ready');
  const { pid, uid, gid, attestation } = (await ask(server, client)) ?? {};
  assert.deepEqual({ pid, uid, gid }, { pid: client.pid, uid: 1234, gid: 4321 });
  assert.deepEqual(attestation, { kind: 'pod', podUid: POD });
});

test('a process on the node is in no pod', onLinux, async () => {
  await using server = await startServer(new WatchedAttestor());
  await using client = new ForeignProcess(CLIENT, [server.path]);
  assert.equal(await client.hear(), 'ready');
  const peer = await ask(server, client);
  assert.notEqual(peer?.attestation, undefined);
  // Which of the two depends on whether anything has put this test's process into a cgroup at all.
  assert.notEqual(peer?.attestation?.kind, 'pod');
});

test('a process that moved to another pod after it had connected is still what it was', onLinux, async (t) => {
  await using pods = requirePods(t);
  if (pods === undefined) return;
  await using server = await startServer(new WatchedAttestor());
  await using client = new ForeignProcess(CLIENT, [server.path]);
  pods.enter(POD, client.pid);
  assert.equal(await client.hear(), 'ready');
  await ask(server, client);
  pods.enter(OTHER_POD, client.pid);
  client.tell('ask');
  assert.equal(await client.hear(), 'answered');
  assert.deepEqual(server.calls.at(-1)?.peer?.attestation, { kind: 'pod', podUid: POD });
});

test('who was given a connection is taken for the process that opened it', onLinux, async (t) => {
  await using pods = requirePods(t);
  if (pods === undefined) return;
  await using server = await startServer(new WatchedAttestor());
  // Hands its connection to a child in another pod, and ends.
  const giver = `
    const connection = require('node:net').connect(process.argv[1], () => {
      const script = "require('node:fs').appendFileSync(process.argv[1], '0');" +
        "const socket = new (require('node:net').Socket)({ fd: 3 });" +
        "process.stdin.once('data', () => socket.write('POST /echo HTTP/1.1\\\\r\\\\nhost: x\\\\r\\\\ncontent-length: 2\\\\r\\\\n\\\\r\\\\nhi'));" +
        "socket.once('data', () => process.exit());";
      const child = require('node:child_process').spawn(process.execPath, ['-e', script, process.argv[2]], {
        stdio: ['pipe', 'ignore', 'inherit', connection],
      });
      lines.once('line', () => child.stdin.write('go'));
      child.on('close', () => process.exit());
      say(String(child.pid));
    });
  `;
  await using parent = new ForeignProcess(giver, [server.path, pods.door(OTHER_POD)]);
  pods.enter(POD, parent.pid);
  const heir = Number(await parent.hear());
  const processes = new ProcessTable();
  await eventually('the child is in the other pod', () => processes.cgroup(heir)?.includes(OTHER_POD) === true);
  parent.tell('go');
  await parent.ended();
  assert.equal(server.calls.length, 1);
  assert.equal(server.calls[0]?.peer?.pid, parent.pid);
  assert.deepEqual(server.calls[0]?.peer?.attestation, { kind: 'pod', podUid: POD });
});

/** Connects and is gone, all while nobody accepts; gives the pid that it had. */
function connectAndDie(path: string): number {
  const script = `require('node:net').connect(process.argv[1], () => { console.log(process.pid); process.exit(); })`;
  const { stdout, status } = spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' });
  assert.equal(status, 0);
  return Number(stdout);
}

test('a process that was gone before its connection was accepted is unknown', onLinux, async () => {
  const attestor = new WatchedAttestor();
  await using server = await startServer(attestor);
  const pid = connectAndDie(server.path);
  await eventually('it is accepted', () => attestor.asked.length === 1);
  assert.equal(attestor.asked[0]?.pid, pid);
  assert.deepEqual(attestor.said, [{ kind: 'unknown', reason: 'its process is gone' }]);
});

test('a process that was given the pid of one that had connected is not taken for it', onLinux, async (t) => {
  const lastPid = '/proc/sys/kernel/ns_last_pid';
  if (!IS_ROOT || !existsSync(lastPid)) return t.skip('pids cannot be chosen here');
  await using pods = requirePods(t);
  if (pods === undefined) return;
  const attestor = new WatchedAttestor();
  await using server = await startServer(attestor);
  // Others start processes too, so it may take some tries.
  for (let tries = 1; tries <= 50; tries++) {
    const pid = connectAndDie(server.path);
    writeFileSync(lastPid, String(pid - 1));
    await using victim = new ForeignProcess(CLIENT, [server.path]);
    const reused = victim.pid === pid;
    if (reused) pods.enter(POD, pid);
    const accepted = tries;
    await eventually('it is accepted', () => attestor.asked.length === accepted);
    assert.equal(attestor.asked.at(-1)?.pid, pid);
    if (!reused) continue;
    if (attestor.asked.at(-1)?.pidfd === 'unsupported') return t.skip('without pidfds this cannot be noticed');
    assert.deepEqual(attestor.said.at(-1), { kind: 'unknown', reason: 'its process is gone' });
    // That it was this that was noticed: the pid leads to a living process in a pod.
    assert.match(new ProcessTable().cgroup(pid) ?? '', new RegExp(POD));
    return;
  }
  t.skip('no pid was given twice');
});
