import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toPeerKey } from '../../src/identity/peer-key.ts';

const POD = '0b0ce3a4-6c1c-4d2e-9a53-7f5e8f1c2d3e';

for (const [what, pid, attestation, key] of [
  ['an attested pod', 7, { kind: 'pod', podUid: POD }, `pod ${POD}`],
  ['a process outside of pods', 7, { kind: 'no-pod' }, 'process 7'],
  ['a process that cannot be attested', 7, { kind: 'unknown', reason: 'gone' }, 'process 7'],
  ['a process where nobody attests', 7, undefined, 'process 7'],
  ['a process of another pid namespace', 0, undefined, undefined],
] as const) {
  test(`the key of ${what} is ${key}`, () => {
    const peer = { pid, uid: 1337, gid: 1337, ...(attestation && { attestation }) };
    assert.equal(toPeerKey(peer), key);
  });
}
