import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadPeerAttestor } from '../../../src/identity/attestation/load-peer-attestor.ts';
import { ProcessTable } from '../../../src/identity/attestation/process-table.ts';
import { seesNode } from '../../../src/identity/attestation/sees-node.ts';
import { ProcDirectory } from '../../fakes/proc-directory.ts';
import { RecordingLog } from '../../fakes/recording-log.ts';

const FIRST = 'pid:[4026531836]';
const OTHER = 'pid:[4026532201]';
const POD = '/kubepods/burstable/podbd445127-8720-434d-b38c-d308e9ff9b59';

for (const [what, namespace, self, init, sees] of [
  ['an agent on the node itself', FIRST, '0::/system.slice/agent.service\n', '0::/init.scope\n', true],
  ['an agent on a node without cgroups', FIRST, '0::/\n', '0::/\n', true],
  ['a pod with hostPID', FIRST, '0::/\n', '0::/../../../../init.scope\n', true],
  ['a pod with hostPID on a node that is a container', OTHER, '0::/\n', '0::/../../../../../init.scope\n', true],
  [
    'the same, with the cgroup namespace of the node',
    OTHER,
    `0::${POD}/a\n`,
    `1:cpu:/docker/${'a'.repeat(64)}\n`,
    true,
  ],
  [
    'an agent as a service in a container that is a node',
    OTHER,
    '0::/system.slice/a.service\n',
    '0::/init.scope\n',
    true,
  ],
  ['a pod without hostPID', OTHER, '0::/\n', '0::/\n', false],
  ['the same, with the cgroup namespace of the node', OTHER, `0::${POD}/a\n`, `0::${POD}/a\n`, false],
  ['a pod that shares its pid namespace', OTHER, '0::/\n', `0::/../${'b'.repeat(64)}\n`, false],
  ['the same, with the cgroup namespace of the node', OTHER, `0::${POD}/a\n`, `0::${POD}/b\n`, false],
  ['a container outside clusters', OTHER, '1:cpu:/docker/a\n', '1:cpu:/docker/a\n', false],
] as const) {
  test(`${what} ${sees ? 'sees' : 'does not see'} the processes of the node: ${namespace}, ${self.trim()}`, () => {
    using proc = new ProcDirectory();
    proc.pidNamespace(namespace);
    proc.process('self', self);
    proc.process(1, init);
    assert.equal(seesNode(new ProcessTable(proc.root)), sees);
  });
}

test('without proc nothing is seen', () => {
  assert.equal(seesNode(new ProcessTable('/nowhere')), false);
});

test('an attestor that will know nobody is told of once, with the remedy', () => {
  for (const [mode, level] of [
    ['warn', 'warn'],
    ['enforce', 'error'],
  ] as const) {
    const log = new RecordingLog();
    loadPeerAttestor(mode, log, new ProcessTable('/nowhere'));
    assert.deepEqual(
      log.events.map((event) => event.level),
      [level],
    );
    const { remedy } = log.events[0]?.fields ?? {};
    assert.match(String(remedy), /hostPID: true/);
  }
});
