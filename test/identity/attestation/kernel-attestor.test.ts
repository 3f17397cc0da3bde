import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelAttestor } from '../../../src/identity/attestation/kernel-attestor.ts';
import { type ProcessRef, ProcessTable } from '../../../src/identity/attestation/process-table.ts';
import { ProcDirectory } from '../../fakes/proc-directory.ts';

const POD = 'bd445127-8720-434d-b38c-d308e9ff9b59';
const IN_POD = `0::/kubepods/burstable/pod${POD}/${'a'.repeat(64)}\n`;
const GONE = { kind: 'unknown', reason: 'its process is gone' };

function attestorOf(proc: ProcDirectory): KernelAttestor {
  return new KernelAttestor(new ProcessTable(proc.root));
}

test('a process that its pidfd says is there is in the pod of its cgroup', () => {
  using proc = new ProcDirectory();
  proc.process(42, IN_POD);
  proc.descriptor(7, 42);
  assert.deepEqual(attestorOf(proc).attest({ pid: 42, pidfd: 7 }), { kind: 'pod', podUid: POD });
});

test('a pid whose process is gone tells nothing, whoever has it now', () => {
  using proc = new ProcDirectory();
  proc.process(42, IN_POD);
  proc.descriptor(7, -1);
  proc.descriptor(8, 43);
  proc.descriptor(9, 0);
  for (const pidfd of [7, 8, 9, 10, 'refused'] as const) {
    assert.deepEqual(attestorOf(proc).attest({ pid: 42, pidfd }), GONE, `pidfd ${pidfd}`);
  }
});

test('a process that this pid namespace does not show needs hostPID', () => {
  using proc = new ProcDirectory();
  proc.process(0, IN_POD);
  const told = attestorOf(proc).attest({ pid: 0, pidfd: 7 });
  assert.equal(told.kind === 'unknown' && /hostPID/.test(told.reason), true, JSON.stringify(told));
});

test('a process that is there and that proc hides is told from one that is gone', () => {
  using proc = new ProcDirectory();
  proc.descriptor(7, 42);
  const told = attestorOf(proc).attest({ pid: 42, pidfd: 7 });
  assert.equal(told.kind === 'unknown' && /hidepid/.test(told.reason), true, JSON.stringify(told));
});

test('without pidfds a process that was there before, and still is, is believed', () => {
  using proc = new ProcDirectory();
  proc.process(42, IN_POD, 1000);
  proc.uptime(10);
  assert.deepEqual(attestorOf(proc).attest({ pid: 42, pidfd: 'unsupported' }), { kind: 'pod', podUid: POD });
});

test('without pidfds a process that started after the connection was accepted is another', () => {
  using proc = new ProcDirectory();
  proc.process(42, IN_POD, 1001);
  proc.uptime(10);
  assert.deepEqual(attestorOf(proc).attest({ pid: 42, pidfd: 'unsupported' }), GONE);
});

test('without pidfds a pid that changes hands while its cgroup is read tells nothing', () => {
  using proc = new ProcDirectory();
  proc.process(42, IN_POD, 900);
  proc.uptime(10);
  class Reused extends ProcessTable {
    override cgroup(pid: ProcessRef): string | undefined {
      const text = super.cgroup(pid);
      proc.start(42, 901);
      return text;
    }
  }
  assert.deepEqual(new KernelAttestor(new Reused(proc.root)).attest({ pid: 42, pidfd: 'unsupported' }), GONE);
});

test('without pidfds, and without start times, nothing is believed', () => {
  using proc = new ProcDirectory();
  proc.process(42, IN_POD);
  assert.deepEqual(attestorOf(proc).attest({ pid: 42, pidfd: 'unsupported' }), GONE);
  proc.uptime(1000);
  proc.write('42/stat', 'nonsense');
  assert.deepEqual(attestorOf(proc).attest({ pid: 42, pidfd: 'unsupported' }), GONE);
});

test('the mounts that a process shows do not put it into a pod', () => {
  using proc = new ProcDirectory();
  proc.descriptor(7, 42);
  proc.process(42, '0::/\n');
  const root = `/kubepods/burstable/pod${POD}/${'a'.repeat(64)}`;
  proc.write('42/mountinfo', `1543 1542 0:32 ${root} /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n`);
  assert.equal(attestorOf(proc).attest({ pid: 42, pidfd: 7 }).kind, 'unknown');
});

test('a process that moves, and any number of others, are each in the pod that they are in now', () => {
  using proc = new ProcDirectory();
  proc.descriptor(7, 42);
  const attestor = attestorOf(proc);
  for (let round = 0; round < 2; round++) {
    for (let pod = 0; pod < 1_100; pod++) {
      const podUid = `bd445127-8720-434d-b38c-${String(pod).padStart(12, '0')}`;
      proc.write('42/cgroup', `0::/kubepods/burstable/pod${podUid}/${'a'.repeat(64)}\n`);
      assert.deepEqual(attestor.attest({ pid: 42, pidfd: 7 }), { kind: 'pod', podUid });
    }
  }
});

test('a cgroup file beyond all measure tells nothing', () => {
  using proc = new ProcDirectory();
  proc.descriptor(7, 42);
  proc.process(42, IN_POD.padEnd(64 * 1024, '\n'));
  assert.equal(attestorOf(proc).attest({ pid: 42, pidfd: 7 }).kind, 'unknown');
});
