import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parsePem, toPem, toPemBundle } from '../../src/keys/pem.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });

test('blocks are read back as they were written, in their order', () => {
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 5 }), (ders) => {
      const read = parsePem(toPemBundle('CERTIFICATE', ders), 'CERTIFICATE');
      assert.deepEqual(
        read.map((der) => Uint8Array.from(der)),
        ders,
      );
    }),
  );
});

test('a block has lines of 64 characters and ends with a newline', () => {
  const pem = toPem('CERTIFICATE', new Uint8Array(49));
  const body = `${'A'.repeat(64)}\nAA==`;
  assert.equal(pem, `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`);
});

test('carriage returns, indentation and text around the blocks are allowed', () => {
  const pem = '# our root\r\n-----BEGIN CERTIFICATE-----\r\n  AQID\r\n-----END CERTIFICATE-----\r\nthe end';
  assert.deepEqual(parsePem(pem, 'CERTIFICATE'), [Buffer.of(1, 2, 3)]);
});

describe('is refused:', () => {
  const block = toPem('CERTIFICATE', Buffer.of(1, 2, 3));
  const table: [string, string, RegExp][] = [
    ['nothing', '', /no block/],
    ['text alone', 'AQID', /no block/],
    ['a block that is cut off', block.slice(0, -5), /cut off or damaged/],
    ['a good block and one that is cut off', block + block.slice(0, 30), /cut off or damaged/],
    ['a damaged first line', block.replace('-----BEGIN', '----BEGIN'), /cut off or damaged/],
    ['a block of another kind', block.replaceAll('CERTIFICATE', 'PRIVATE KEY'), /a block of "PRIVATE KEY"/],
    [
      'a block of a secret',
      block.replaceAll('CERTIFICATE', 'eyJhbGciOi.x'),
      /a block of 12 characters that are no label/,
    ],
    [
      'two kinds on one block',
      block.replace('END CERTIFICATE', 'END KEY'),
      /begins as "CERTIFICATE" and ends as "KEY"/,
    ],
    ['base64 of a wrong length', block.replace('AQID', 'AQI'), /not base64/],
    ['base64 with padding inside', block.replace('AQID', 'AQ==AQID'), /not base64/],
    ['an empty block', block.replace('AQID', ''), /empty or not base64/],
    ['headers inside, as encrypted keys have', block.replace('AQID', 'Proc-Type: 4\nAQID'), /cut off or damaged/],
  ];
  for (const [what, text, message] of table) {
    test(what, () => assert.throws(() => parsePem(text, 'CERTIFICATE'), { code: 'ca-answer-invalid', message }));
  }
});

test('a megabyte of garbage is refused at once', () => {
  const hostile = [
    '-----BEGIN CERTIFICATE-----\n'.repeat(40_000),
    `-----BEGIN CERTIFICATE-----\n${' \n'.repeat(500_000)}`,
  ];
  for (const text of hostile) assert.throws(() => parsePem(text, 'CERTIFICATE'), { code: 'ca-answer-invalid' });
});
