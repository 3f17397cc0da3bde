import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toAttestation } from '../../../src/identity/attestation/to-attestation.ts';
import { cgroupVectorNames, EXPECTED, loadCgroupVector } from '../../vectors/cgroup-vectors.ts';

const UID = 'bd445127-8720-434d-b38c-d308e9ff9b59';

test('every cgroup vector has an expectation, and the other way round', () => {
  assert.deepEqual(cgroupVectorNames(), Object.keys(EXPECTED).sort());
});

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`the cgroup of ${name.replaceAll('-', ' ')} is ${expected.kind}`, () => {
    assert.deepEqual(toAttestation(loadCgroupVector(name)), expected);
  });
}

test('a text that is no cgroup file tells nothing', () => {
  for (const text of [
    '',
    '\n',
    '0::',
    `0::kubepods/pod${UID}/x`,
    `/kubepods/pod${UID}/x`,
    `x:y:/kubepods/pod${UID}/x`,
  ]) {
    assert.equal(toAttestation(text).kind, 'unknown', JSON.stringify(text));
  }
});

// What a process outside pods can choose: every name from its own session's cgroup down.
const name = fc.oneof(
  fc.constantFrom(
    ...[
      'kubepods',
      'kubepods.slice',
      'kubepods-burstable.slice',
      'burstable',
      'besteffort',
      'kubelet',
      'kubelet.slice',
    ],
    ...[`pod${UID}`, `kubepods-pod${UID.replaceAll('-', '_')}.slice`, 'docker', 'a'.repeat(64), 'system.slice'],
    `kubepods-pod${UID.replaceAll('-', '_')}.slice:cri-containerd:x`,
  ),
  fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !/[\n/]/.test(text) && text !== '.' && text !== '..'),
);

test('no names below a session or a container outside pods make a pod', () => {
  const prefixes = [
    '/user.slice/user-1000.slice/user@1000.service',
    '/../../../../user.slice/user-1000.slice',
    '/lxc/x',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...prefixes), fc.array(name, { maxLength: 8 }), (prefix, names) => {
      assert.notEqual(toAttestation(`0::${[prefix, ...names].join('/')}\n`).kind, 'pod');
    }),
  );
});

test('no names below its own cgroup make a container one of another pod', () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), (names) => {
      const own = '/kubepods/burstable/pod7165a37d-fa49-4f53-b8f1-5793f523e617/container';
      const told = toAttestation(`0::${[own, ...names].join('/')}\n`);
      if (told.kind === 'pod') assert.equal(told.podUid, '7165a37d-fa49-4f53-b8f1-5793f523e617');
    }),
  );
});
