import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fits, judgeIdentity, type PolicyRule } from '../../src/core/identity-policy.ts';
import { parseSpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';

function rule(name: string, parts: Partial<PolicyRule> = {}): PolicyRule {
  return { name, effect: 'allow', namespaces: ['*'], serviceAccounts: ['*'], ...parts };
}

const RULES: readonly PolicyRule[] = [
  rule('no system', { effect: 'deny', namespaces: ['kube-*', '*-system'] }),
  rule('pay', { namespaces: ['pay'], serviceAccounts: ['api', 'worker-*'], maxTtlMs: 3_600_000 }),
  rule('else in pay', { effect: 'deny', namespaces: ['pay'] }),
  rule('shop', { namespaces: ['shop'], key: { algorithm: 'rsa', bits: 3072 } }),
];

for (const [namespace, serviceAccount, outcome] of [
  ['kube-public', 'default', 'the policy\'s rule "no system" denies it'],
  ['istio-system', 'default', 'the policy\'s rule "no system" denies it'],
  ['kubernetes', 'default', 'no rule of the policy applies to it'],
  ['pay', 'api', { maxTtlMs: 3_600_000 }],
  ['pay', 'worker-7', { maxTtlMs: 3_600_000 }],
  ['pay', 'worker-', { maxTtlMs: 3_600_000 }],
  ['pay', 'worker', 'the policy\'s rule "else in pay" denies it'],
  ['pay', 'api2', 'the policy\'s rule "else in pay" denies it'],
  ['pay2', 'api', 'no rule of the policy applies to it'],
  ['Pay', 'api', 'no rule of the policy applies to it'],
  ['shop', 'web', { key: { algorithm: 'rsa', bits: 3072 } }],
  ['shop.sa', 'web', 'no rule of the policy applies to it'],
] as const) {
  const what = typeof outcome === 'string' ? `is refused: ${outcome}` : `is served with ${JSON.stringify(outcome)}`;
  test(`${serviceAccount} in ${namespace} ${what}`, () => {
    const id = serviceAccountId('cluster.local', namespace, serviceAccount);
    const verdict = judgeIdentity({ rules: RULES }, id);
    if (verdict.allowed) {
      assert.deepEqual(verdict, { allowed: true, ...(typeof outcome === 'string' ? {} : outcome) });
      assert.notEqual(typeof outcome, 'string');
    } else {
      assert.equal(verdict.error.code, 'identity-not-allowed');
      assert.equal(verdict.error.message, `${id} is not served: ${outcome}`);
    }
  });
}

test('an identity that is no service account is refused, also where everybody is allowed', () => {
  for (const id of [
    'spiffe://cluster.local/workload',
    'spiffe://cluster.local/x/ns/shop/sa/web',
    'spiffe://a/ns/b/sa/c/d',
  ]) {
    const verdict = judgeIdentity({ rules: [rule('all')] }, parseSpiffeId(id));
    assert.equal(verdict.allowed, false, id);
  }
});

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), maxLength: 12 });

test('a pattern fits what the same regular expression does', () => {
  const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '*'), maxLength: 8 });
  fc.assert(
    fc.property(patterns, letters, (pattern, text) => {
      const expression = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
      assert.equal(fits(pattern, text), new RegExp(`^${expression}$`).test(text));
    }),
    { numRuns: 2000 },
  );
});

test('a pattern that would make a regular expression go back for ever takes no time', () => {
  assert.equal(fits(`${'*a'.repeat(200)}b`, 'a'.repeat(2000)), false);
});

test('the first rule that applies decides, whatever follows, and a rule that does not apply changes nothing', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 3 });
  const pattern = fc.oneof(
    name,
    name.map((text) => `${text}*`),
    fc.constant('*'),
  );
  const rules = fc.array(
    fc.record({
      name: fc.uuid(),
      effect: fc.constantFrom('allow' as const, 'deny' as const),
      namespaces: fc.array(pattern, { minLength: 1, maxLength: 2 }),
      serviceAccounts: fc.array(pattern, { minLength: 1, maxLength: 2 }),
    }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(rules, name, name, (some, namespace, account) => {
      const id = serviceAccountId('td', namespace, account);
      const applies = ({ namespaces, serviceAccounts }: (typeof some)[number]) =>
        namespaces.some((one) => fits(one, namespace)) && serviceAccounts.some((one) => fits(one, account));
      const index = some.findIndex(applies);
      const verdict = judgeIdentity({ rules: some }, id);
      assert.equal(verdict.allowed, some[index]?.effect === 'allow');
      assert.deepEqual(
        judgeIdentity({ rules: some.filter(applies).slice(0, 1) }, id),
        verdict.allowed ? verdict : judgeIdentity({ rules: some.filter(applies) }, id),
      );
    }),
  );
});
