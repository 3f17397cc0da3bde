import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseBoolean } from '../../src/config/boolean.ts';
import { parseDuration, toDurationText } from '../../src/config/duration.ts';

// From the table of Go's own test, time_test.go, as far as a duration is not negative.
const DURATIONS: readonly (readonly [text: string, ms: number])[] = [
  ['0', 0],
  ['5s', 5_000],
  ['30s', 30_000],
  ['1478s', 1_478_000],
  ['0s', 0],
  ['+5s', 5_000],
  ['+0', 0],
  ['5.0s', 5_000],
  ['5.6s', 5_600],
  ['5.s', 5_000],
  ['.5s', 500],
  ['1.0s', 1_000],
  ['1.00s', 1_000],
  ['1.004s', 1_004],
  ['1.0040s', 1_004],
  ['100.00100s', 100_001],
  ['10ns', 0.00001],
  ['11us', 0.011],
  ['12\u00b5s', 0.012],
  ['12\u03bcs', 0.012],
  ['13ms', 13],
  ['14s', 14_000],
  ['15m', 900_000],
  ['16h', 57_600_000],
  ['3h30m', 12_600_000],
  ['10.5s4m', 250_500],
  ['1h2m3s4ms5us6ns', 3_723_004.005006],
  ['1.5h', 5_400_000],
  ['300ms', 300],
];

for (const [text, ms] of DURATIONS) {
  test(`the duration ${text} has ${ms} milliseconds`, () => {
    const parsed = parseDuration(text);
    assert.ok(parsed !== undefined && Math.abs(parsed - ms) < 1e-9 * Math.max(1, ms), `${parsed}`);
  });
}

const NO_DURATIONS = [
  '',
  '3',
  '-',
  's',
  '.',
  '-.',
  '.s',
  '+',
  '++5s',
  '5s+1s',
  '-5s',
  '5',
  '1d',
  '5x',
  '1h ',
  ' 1h',
  '1 h',
  '1H',
  '١s',
  '1e3s',
  '1h30',
  '0x1s',
  'Infinitys',
  'NaNs',
  '1..5s',
];

for (const text of NO_DURATIONS) {
  test(`${JSON.stringify(text)} is no duration`, () => assert.equal(parseDuration(text), undefined));
}

test('whole milliseconds written as a duration read back the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => {
      assert.equal(parseDuration(toDurationText(ms)), ms);
    }),
  );
});

test('durations are written in the units that people use', () => {
  assert.deepEqual([0, 100, 1_500, 90_000, 3_600_000, 5_400_000, 86_400_000].map(toDurationText), [
    '0s',
    '100ms',
    '1500ms',
    '1m30s',
    '1h',
    '1h30m',
    '24h',
  ]);
});

test('booleans are Go’s, and nothing else', () => {
  for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True']) assert.equal(parseBoolean(text), true);
  for (const text of ['0', 'f', 'F', 'FALSE', 'false', 'False']) assert.equal(parseBoolean(text), false);
  for (const text of ['', 'yes', 'on', 'tRUE', ' true', '2']) assert.equal(parseBoolean(text), undefined);
});
