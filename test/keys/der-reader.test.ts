import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { utcMs } from '../../src/core/calendar.ts';
import { DerError } from '../../src/keys/der-error.ts';
import { DerReader, readDer } from '../../src/keys/der-reader.ts';
import { Tag } from '../../src/keys/der-tag.ts';
import * as write from '../../src/keys/der-writer.ts';

type Read = (reader: DerReader) => unknown;
const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const hexOf = (content: unknown): unknown =>
  content instanceof Uint8Array ? Buffer.from(content).toString('hex') : content;

describe('reads', () => {
  const table: [string, string, Read, unknown][] = [
    ['true', '01 01 ff', (r) => r.boolean(), true],
    ['false', '01 01 00', (r) => r.boolean(), false],
    ['zero', '02 01 00', (r) => r.smallInteger(), 0],
    ['128 with its sign byte', '02 02 00 80', (r) => r.smallInteger(), 128],
    ['the largest small integer', '02 04 7f ff ff ff', (r) => r.smallInteger(), 0x7fffffff],
    ['a negative integer as it is', '02 01 80', (r) => r.integer(), '80'],
    ['an object identifier', '06 03 55 1d 11', (r) => r.objectIdentifier(), '2.5.29.17'],
    [
      'an arc of several bytes',
      '06 09 2a 86 48 86 f7 0d 01 01 0b',
      (r) => r.objectIdentifier(),
      '1.2.840.113549.1.1.11',
    ],
    ['X.690, 8.19.5: {2 999 3}', '06 03 88 37 03', (r) => r.objectIdentifier(), '2.999.3'],
    [
      'an arc of 128 bits',
      `06 14 69 83 ${'ff '.repeat(17)} 7f`,
      (r) => r.objectIdentifier(),
      `2.25.${2n ** 128n - 1n}`,
    ],
    ['a bit string of whole bytes', '03 03 00 0f f0', (r) => r.bitString(), '0ff0'],
    ['named bits', '03 02 01 06', (r) => r.namedBits(), [5, 6]],
    ['no named bits', '03 01 00', (r) => r.namedBits(), []],
    ['a UTCTime of 1950', '17 0d 35 30 30 31 30 31 30 30 30 30 30 30 5a', (r) => r.timeMs(), utcMs(1950, 1, 1)],
    [
      'a UTCTime of 2049',
      '17 0d 34 39 31 32 33 31 32 33 35 39 35 39 5a',
      (r) => r.timeMs(),
      utcMs(2049, 12, 31, 23, 59, 59),
    ],
    ['a length of 128 in two bytes', `04 81 80 ${'00 '.repeat(128)}`, (r) => r.octetString().length, 128],
  ];
  for (const [what, hex, read, value] of table) {
    test(what, () => assert.deepEqual(hexOf(readDer(bytes(hex), read)), value));
  }
});

describe('refuses', () => {
  const table: [string, string, Read, RegExp][] = [
    ['nothing', '', (r) => r.any(), /ends in the middle/],
    ['a tag alone', '30', (r) => r.any(), /ends in the middle/],
    ['a length that is cut off', '30 82 01', (r) => r.any(), /ends in the middle/],
    ['an element longer than the input', '30 02 05', (r) => r.any(), /longer than what holds it/],
    ['a length of 4 GB', '30 84 ff ff ff ff', (r) => r.any(), /longer than what holds it/],
    ['a length of five bytes', '30 85 01 00 00 00 00', (r) => r.any(), /indefinite or too large/],
    ['an indefinite length', '30 80 00 00', (r) => r.any(), /indefinite or too large/],
    ['a long length for a short element', '04 81 01 00', (r) => r.any(), /superfluous/],
    ['a length with a leading zero', `04 82 00 80 ${'00 '.repeat(128)}`, (r) => r.any(), /superfluous/],
    ['a tag of several bytes', '1f 81 01 00', (r) => r.any(), /more than one octet/],
    ['bytes after the end', '05 00 00', (r) => r.any(), /after the end/],
    [
      'bytes after the last inner element',
      '30 03 05 00 00',
      (r) => r.within(Tag.SEQUENCE, (i) => i.any()),
      /after the end/,
    ],
    ['another tag than asked for', '31 00', (r) => r.enter(Tag.SEQUENCE), /tag 0x31 where tag 0x30/],
    [
      'the end where an element should be',
      '30 00',
      (r) => r.within(Tag.SEQUENCE, (i) => i.integer()),
      /the end where tag 0x2 /,
    ],
    ['a boolean of two bytes', '01 02 ff ff', (r) => r.boolean(), /neither 00 nor ff/],
    ['a boolean that is BER only', '01 01 01', (r) => r.boolean(), /neither 00 nor ff/],
    ['an integer without bytes', '02 00', (r) => r.integer(), /no bytes/],
    ['a padded integer', '02 02 00 7f', (r) => r.integer(), /superfluous/],
    ['a padded negative integer', '02 02 ff 80', (r) => r.integer(), /superfluous/],
    ['a negative small integer', '02 01 ff', (r) => r.smallInteger(), /negative or too large/],
    ['a small integer of five bytes', '02 05 01 00 00 00 00', (r) => r.smallInteger(), /negative or too large/],
    ['an empty object identifier', '06 00', (r) => r.objectIdentifier(), /cut off/],
    ['an object identifier cut off in an arc', '06 02 55 9d', (r) => r.objectIdentifier(), /cut off/],
    ['a padded arc', '06 03 55 80 01', (r) => r.objectIdentifier(), /superfluous/],
    ['an object identifier of 65 bytes', `06 41 ${'01 '.repeat(65)}`, (r) => r.objectIdentifier(), /too long/],
    ['a bit string without its first byte', '03 00', (r) => r.bitString(), /cut off/],
    ['eight unused bits', '03 02 08 00', (r) => r.namedBits(), /cut off/],
    ['unused bits of nothing', '03 01 01', (r) => r.namedBits(), /cut off/],
    ['unused bits that are set', '03 02 01 01', (r) => r.namedBits(), /unused bits set/],
    ['a key that ends within a byte', '03 02 01 02', (r) => r.bitString(), /whole byte/],
    ['a time without seconds', '17 0b 33 30 30 31 30 31 30 30 30 30 5a', (r) => r.timeMs(), /seconds and Z/],
    ['the 30th of February', '17 0d 33 30 30 32 33 30 30 30 30 30 30 30 5a', (r) => r.timeMs(), /calendar/],
    ['a number for a time', '02 01 00', (r) => r.timeMs(), /no time/],
  ];
  for (const [what, hex, read, message] of table) {
    test(what, () =>
      assert.throws(
        () => readDer(bytes(hex), read),
        (error) => error instanceof DerError && message.test(error.message),
      ),
    );
  }
});

describe('what was written is read back', () => {
  test('integers, in as few bytes as possible', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (value) => {
        const plain = value.toString(16);
        const written = write.unsignedInteger(bytes(plain.length % 2 === 0 ? plain : `0${plain}`));
        assert.equal(BigInt(`0x${hexOf(readDer(written, (r) => r.integer()))}`), value);
      }),
    );
    fc.assert(
      fc.property(fc.nat(), (value) => readDer(write.unsignedInteger(value), (r) => r.smallInteger()) === value),
    );
  });

  test('object identifiers', () => {
    const rest = fc.array(fc.nat(), { maxLength: 10 });
    const dotted = fc.oneof(
      fc.tuple(fc.nat(1), fc.nat(39), rest).map(([a, b, c]) => [a, b, ...c].join('.')),
      fc.tuple(fc.nat(), rest).map(([b, c]) => [2, b, ...c].join('.')),
    );
    fc.assert(fc.property(dotted, (oid) => readDer(write.objectIdentifier(oid), (r) => r.objectIdentifier()) === oid));
  });

  test('times to the second, as UTCTime until 2049 and as GeneralizedTime from 2050', () => {
    const second = fc.integer({ min: utcMs(1950, 1, 1) / 1000, max: utcMs(9999, 12, 31) / 1000 });
    fc.assert(
      fc.property(second, fc.nat(999), (seconds, ms) => {
        const written = write.time(seconds * 1000 + ms);
        assert.equal(
          readDer(written, (r) => r.timeMs()),
          seconds * 1000,
        );
        assert.equal(written[0], seconds * 1000 < utcMs(2050, 1, 1) ? Tag.UTC_TIME : Tag.GENERALIZED_TIME);
      }),
    );
  });

  test('named bits', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(40)), (bits) => {
        const sorted = bits.toSorted((a, b) => a - b);
        assert.deepEqual(
          readDer(write.namedBits(bits), (r) => r.namedBits()),
          sorted,
        );
      }),
    );
  });

  test('elements of every length', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      assert.equal(readDer(write.octetString(new Uint8Array(length)), (r) => r.octetString()).length, length);
    }
  });
});

test('random bytes give a DerError or a value, and nothing else', () => {
  const reads: Read[] = [
    (r) => r.any(),
    (r) => r.boolean(),
    (r) => r.integer(),
    (r) => r.smallInteger(),
    (r) => r.objectIdentifier(),
    (r) => r.bitString(),
    (r) => r.namedBits(),
    (r) => r.timeMs(),
    (r) => r.enter(Tag.SEQUENCE).any(),
  ];
  const tag = fc.constantFrom(...Object.values(Tag));
  const input = fc.tuple(tag, fc.uint8Array({ maxLength: 40 })).map(([first, rest]) => Uint8Array.of(first, ...rest));
  fc.assert(
    fc.property(fc.constantFrom(...reads), input, (read, garbage) => {
      try {
        read(new DerReader(garbage));
      } catch (error) {
        assert.ok(error instanceof DerError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});
