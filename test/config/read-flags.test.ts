import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from '../../src/config/nearest-name.ts';
import { type FlagKind, readFlags, unexpectedOperand } from '../../src/config/read-flags.ts';

const FLAGS: ReadonlyMap<string, FlagKind> = new Map<string, FlagKind>([
  ['secret-ttl', 'text'],
  ['log-level', 'text'],
  ['pkcs8-key', 'boolean'],
]);

interface Line {
  readonly argv: readonly string[];
  readonly given?: Readonly<Record<string, string>>;
  readonly operands?: readonly string[];
  readonly faults?: readonly string[];
}

const LINES: readonly Line[] = [
  { argv: [] },
  { argv: ['--secret-ttl', '1h'], given: { 'secret-ttl': '1h' } },
  { argv: ['--secret-ttl=1h'], given: { 'secret-ttl': '1h' } },
  { argv: ['--secret-ttl=a=b'], given: { 'secret-ttl': 'a=b' } },
  { argv: ['--secret-ttl='], given: { 'secret-ttl': '' } },
  { argv: ['--secret-ttl', ''], given: { 'secret-ttl': '' } },
  { argv: ['--secret-ttl=-1h'], given: { 'secret-ttl': '-1h' } },
  { argv: ['--secret-ttl', '1h', '--secret-ttl', '2h'], given: { 'secret-ttl': '2h' } },
  { argv: ['--pkcs8-key'], given: { 'pkcs8-key': 'true' } },
  { argv: ['--pkcs8-key=false'], given: { 'pkcs8-key': 'false' } },
  { argv: ['--pkcs8-key', 'false'], given: { 'pkcs8-key': 'true' }, operands: ['false'] },
  { argv: ['a', '--secret-ttl', '1h', 'b'], given: { 'secret-ttl': '1h' }, operands: ['a', 'b'] },
  { argv: ['--', '--secret-ttl', '-x'], operands: ['--secret-ttl', '-x'] },
  {
    argv: ['--secret-ttl'],
    faults: ['--secret-ttl needs a value; one that begins with a dash is written --secret-ttl=VALUE'],
  },
  {
    argv: ['--secret-ttl', '--pkcs8-key'],
    faults: ['--secret-ttl needs a value; one that begins with a dash is written --secret-ttl=VALUE'],
  },
  { argv: ['--secret-tll', '1h'], faults: ['unknown flag "--secret-tll": did you mean --secret-ttl?'] },
  { argv: ['--secret-tll=1h'], faults: ['unknown flag "--secret-tll": did you mean --secret-ttl?'] },
  { argv: ['--pkcs8'], faults: ['unknown flag "--pkcs8": did you mean --pkcs8-key?'] },
  { argv: ['--frobnicate'], faults: ['unknown flag "--frobnicate"'] },
  { argv: ['-v', '--SECRET-TTL', '1h'], faults: ['unknown flag "-v"', 'unknown flag "--SECRET-TTL"'] },
  { argv: ['--__proto__=x', '--constructor'], faults: ['unknown flag "--__proto__"', 'unknown flag "--constructor"'] },
  { argv: ['--\u001b[31m'], faults: ['unknown flag "--\\u001b[31m"'] },
];

for (const { argv, given = {}, operands = [], faults = [] } of LINES) {
  test(`the command line ${JSON.stringify(argv)}`, () => {
    const read = readFlags(argv, FLAGS);
    assert.deepEqual(Object.fromEntries(read.given), given);
    assert.deepEqual(
      read.operands.map(({ text }) => text),
      operands,
    );
    assert.deepEqual(read.faults, faults);
  });
}

const STRAYS: readonly (readonly [argv: string[], told: string])[] = [
  [['--pkcs8-key', 'F'], 'unexpected argument "F": the value of --pkcs8-key is written --pkcs8-key=F'],
  [['--pkcs8-key', 'soon'], 'unexpected argument "soon"'],
  [['--pkcs8-key=true', 'F'], 'unexpected argument "F"'],
  [['--pkcs8-key', '--secret-ttl', '1h', 'F'], 'unexpected argument "F"'],
  [['F'], 'unexpected argument "F"'],
];

for (const [argv, told] of STRAYS) {
  test(`of ${JSON.stringify(argv)} it is told: ${told}`, () => {
    assert.deepEqual(readFlags(argv, FLAGS).operands.map(unexpectedOperand), [told]);
  });
}

test('a name that is near is found, also from an iterator, and one that is far is not', () => {
  const names = ['secret-ttl', 'state-dir', 'status'];
  assert.equal(nearestName('secret_ttl', names), 'secret-ttl');
  assert.equal(nearestName('stat', names.values()), 'state-dir');
  assert.equal(nearestName('statsu', names.values()), 'status');
  assert.equal(nearestName('s', names), undefined);
  assert.equal(nearestName('completely-else', names), undefined);
});
