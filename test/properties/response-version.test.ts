import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { responseVersion } from '../../src/sds/response-version.ts';
import { bundleOf } from '../fakes/memory-secret-store.ts';

const content = fc.dictionary(fc.constantFrom('default', 'ROOTCA', 'ALL', 'other'), fc.constantFrom('a', 'b', 'c'), {
  minKeys: 1,
});

function versionOf(labels: Readonly<Record<string, string>>, order: (names: string[]) => string[]): string {
  const names = order(Object.keys(labels));
  return responseVersion(new Map(names.map((name) => [name, bundleOf('cluster.local', labels[name] ?? '')])));
}

test('two responses have equal versions exactly when their content is equal', () => {
  const sorted = (labels: Readonly<Record<string, string>>): string => JSON.stringify(Object.entries(labels).sort());
  // One secret alone has its own version, under whatever name.
  const same = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean => {
    const [one, other] = [Object.values(a), Object.values(b)];
    return one.length === 1 && other.length === 1 ? one[0] === other[0] : sorted(a) === sorted(b);
  };
  fc.assert(
    fc.property(content, content, (a, b) => {
      assert.equal(versionOf(a, (names) => names) === versionOf(b, (names) => names.reverse()), same(a, b));
    }),
    { numRuns: 2000 },
  );
});
