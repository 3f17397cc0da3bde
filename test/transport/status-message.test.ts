import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeStatusMessage, encodeStatusMessage } from '../../src/transport/status-message.ts';

const ENCODED: readonly [string, string][] = [
  ['plain text, with punctuation!', 'plain text, with punctuation!'],
  ['50%', '50%25'],
  ['a\nb\tc', 'a%0Ab%09c'],
  ['Zürich 🔑', 'Z%C3%BCrich %F0%9F%94%91'],
  ['\u007f', '%7F'],
  ['', ''],
];

for (const [text, value] of ENCODED) {
  test(`${JSON.stringify(text)} is sent as ${value}`, () => {
    assert.equal(encodeStatusMessage(text), value);
    assert.equal(decodeStatusMessage(value), text);
  });
}

test('every text comes back, and only printable ASCII is sent', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const value = encodeStatusMessage(text);
      assert.match(value, /^[ -~]*$/);
      assert.equal(decodeStatusMessage(value), text);
    }),
  );
});

for (const value of ['100%', '%zz', '%4', 'a%%b']) {
  test(`${value}, which is not well encoded, is shown as it is`, () => assert.equal(decodeStatusMessage(value), value));
}
