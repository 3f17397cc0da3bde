import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parsePolicy, policySchema } from '../../src/config/policy-file.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
const isValid = new Ajv2020({ strict: false }).compile(policySchema());
const ALLOW = { name: 'all', effect: 'allow' };

test('the example in examples/ and the one in docs/policy.md are the same policy, and the schema accepts it', () => {
  const file = readFileSync(join(REPOSITORY, 'examples/policy/policy.json'), 'utf8');
  const [, block = ''] = /```json\n(.*?)```/s.exec(readFileSync(join(REPOSITORY, 'docs/policy.md'), 'utf8')) ?? [];
  assert.deepEqual(parsePolicy(file), parsePolicy(block));
  assert.ok(isValid(JSON.parse(file)), JSON.stringify(isValid.errors));
  assert.deepEqual(parsePolicy(file).rules[1], {
    ...{ name: 'payments-live-short', effect: 'allow', namespaces: ['pay'], serviceAccounts: ['api', 'worker-*'] },
    ...{ maxTtlMs: 3_600_000, key: { algorithm: 'ecdsa', curve: 'P384' } },
  });
});

test('what a rule leaves out applies to all, and is as the settings say', () => {
  assert.deepEqual(parsePolicy(JSON.stringify({ rules: [ALLOW] })).rules, [
    { ...ALLOW, namespaces: ['*'], serviceAccounts: ['*'] },
  ]);
});

test('key sizes have the defaults of the settings', () => {
  const keyOf = (key: object) => parsePolicy(JSON.stringify({ rules: [{ ...ALLOW, key }] })).rules[0]?.key;
  assert.deepEqual(keyOf({ algorithm: 'ECDSA' }), { algorithm: 'ecdsa', curve: 'P256' });
  assert.deepEqual(keyOf({ algorithm: 'RSA' }), { algorithm: 'rsa', bits: 2048 });
  assert.deepEqual(keyOf({ algorithm: 'RSA', bits: 4096 }), { algorithm: 'rsa', bits: 4096 });
});

/** What is wrong, the file, and what the error has to say. The schema refuses those that it can know of. */
const FAULTS: readonly (readonly [what: string, file: unknown, word: RegExp, known?: 'not by the schema'])[] = [
  ['a list', [], /the file: /],
  ['no rules', {}, /^rules: /],
  ['an empty list of rules', { rules: [] }, /^rules: /],
  ['a field that there is not', { rules: [ALLOW], default: 'allow' }, /default/],
  ['a field of a rule that there is not', { rules: [{ ...ALLOW, namespace: ['a'] }] }, /^rules\[0\]: .*namespace/],
  ['a rule without a name', { rules: [{ effect: 'allow' }] }, /^rules\[0\]\.name: /],
  ['an empty name', { rules: [{ ...ALLOW, name: '' }] }, /^rules\[0\]\.name: /],
  ['a name that breaks the line', { rules: [{ ...ALLOW, name: 'a\nb' }] }, /^rules\[0\]\.name: /],
  ['the same name twice', { rules: [ALLOW, ALLOW] }, /two rules are called "all"/, 'not by the schema'],
  ['no effect', { rules: [{ name: 'x' }] }, /^rules\[0\]\.effect: /],
  ['another effect', { rules: [{ ...ALLOW, effect: 'warn' }] }, /^rules\[0\]\.effect: /],
  ['no pattern', { rules: [{ ...ALLOW, namespaces: [] }] }, /^rules\[0\]\.namespaces: /],
  ['a text for a list', { rules: [{ ...ALLOW, namespaces: 'shop' }] }, /^rules\[0\]\.namespaces: /],
  ['an empty pattern', { rules: [{ ...ALLOW, serviceAccounts: [''] }] }, /^rules\[0\]\.serviceAccounts\[0\]: /],
  ['a pattern over segments', { rules: [{ ...ALLOW, namespaces: ['shop/sa/*'] }] }, /^rules\[0\]\.namespaces\[0\]: /],
  ['a lifetime that is none', { rules: [{ ...ALLOW, maxTtl: 'soon' }] }, /^rules\[0\]\.maxTtl: /],
  ['a lifetime that is a number', { rules: [{ ...ALLOW, maxTtl: 60 }] }, /^rules\[0\]\.maxTtl: /],
  ['a lifetime under a minute', { rules: [{ ...ALLOW, maxTtl: '59s' }] }, /at least 1m/, 'not by the schema'],
  ['a short RSA key', { rules: [{ ...ALLOW, key: { algorithm: 'RSA', bits: 1024 } }] }, /^rules\[0\]\.key\.bits: /],
  ['an odd RSA key', { rules: [{ ...ALLOW, key: { algorithm: 'RSA', bits: 2049 } }] }, /^rules\[0\]\.key\.bits: /],
  ['another curve', { rules: [{ ...ALLOW, key: { algorithm: 'ECDSA', curve: 'P521' } }] }, /^rules\[0\]\.key\.curve: /],
  ['another algorithm', { rules: [{ ...ALLOW, key: { algorithm: 'Ed25519' } }] }, /^rules\[0\]\.key/],
  [
    'terms where nothing is given',
    { rules: [{ name: 'x', effect: 'deny', maxTtl: '1h' }] },
    /neither maxTtl nor key/,
    'not by the schema',
  ],
];

for (const [what, file, word, known] of FAULTS) {
  test(`${what} is a fault, and the error says where${known === undefined ? '; the schema refuses it too' : ''}`, () => {
    assert.throws(() => parsePolicy(JSON.stringify(file)), { code: 'settings-invalid', message: word });
    if (known === undefined) assert.equal(isValid(file), false);
  });
}

test('all faults are told at once, and what is no JSON is told to be none', () => {
  const rules = [
    { name: '', effect: 'allow' },
    { name: 'x', effect: 'x' },
  ];
  assert.throws(() => parsePolicy(JSON.stringify({ rules })), { message: /rules\[0\]\.name.*; rules\[1\]\.effect/ });
  assert.throws(() => parsePolicy('rules:\n- name: x'), { code: 'settings-invalid', message: 'it is not JSON' });
});
