import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { utcMs } from '../../src/core/calendar.ts';
import { parsePem } from '../../src/keys/pem.ts';
import { areTooMany, judgeRoots, MOST_ROOTS, normalizeRoots } from '../../src/keys/roots.ts';
import { loadChain, loadRoots, nowMs } from '../vectors/issuance-vectors.ts';

// Two that are valid until 2060 and one that has expired in May 2030, a month before `nowMs`; the last is good too.
const [ecdsa = new Uint8Array(), rsa = new Uint8Array(), expired = new Uint8Array(), strict = new Uint8Array()] =
  loadRoots();
const [leaf = new Uint8Array(), intermediate = new Uint8Array()] = loadChain('good');
const garbage = Buffer.from('not a certificate');

test('roots are sorted and each is there once, whatever the order in which they came', () => {
  const expected = normalizeRoots([ecdsa, rsa, strict], nowMs);
  const order = fc.shuffledSubarray([ecdsa, ecdsa, rsa, strict, rsa], { minLength: 5 });
  fc.assert(
    fc.property(order, (ders) => {
      const { pem, version, count } = normalizeRoots(ders, nowMs);
      assert.deepEqual(pem, expected.pem);
      assert.equal(version, expected.version);
      assert.equal(count, 3);
    }),
  );
});

test('the PEM holds the same certificates as the DER, a newline after each', () => {
  const { pem, ders } = normalizeRoots([rsa, ecdsa], nowMs);
  assert.deepEqual(parsePem(pem.toString(), 'CERTIFICATE'), ders);
  assert.match(pem.toString(), /^(-----BEGIN CERTIFICATE-----\n[^-]+\n-----END CERTIFICATE-----\n){2}$/);
});

test('the version changes with the content and with nothing else', () => {
  const { version } = normalizeRoots([ecdsa, rsa], nowMs);
  assert.match(version, /^[0-9a-f]{32}$/);
  assert.equal(normalizeRoots([rsa, ecdsa, garbage, expired], nowMs + 1).version, version);
  assert.notEqual(normalizeRoots([ecdsa], nowMs).version, version);
});

test('what has expired, is none of a CA or no certificate at all is left out and counted', () => {
  const roots = normalizeRoots([garbage, ecdsa, leaf, expired], nowMs);
  assert.deepEqual(roots.ders, [ecdsa]);
  const { expired: gone, unusable } = judgeRoots([garbage, ecdsa, leaf, expired], nowMs);
  assert.deepEqual([gone, unusable], [1, 2]);
});

test('the bundle expires with its first certificate', () => {
  assert.equal(normalizeRoots([ecdsa], nowMs).notAfterMs, utcMs(2060, 1, 1));
  assert.equal(normalizeRoots([ecdsa, intermediate], nowMs).notAfterMs, utcMs(2031, 1, 1));
});

test('more roots or bytes than are trusted together are an error that says the limits', () => {
  assert.equal(areTooMany([new Uint8Array(MOST_ROOTS.bytes)]), false);
  assert.equal(areTooMany([new Uint8Array(MOST_ROOTS.bytes), new Uint8Array(1)]), true);
  assert.equal(areTooMany(Array.from({ length: MOST_ROOTS.count }, () => ecdsa)), false);
  assert.equal(areTooMany(Array.from({ length: MOST_ROOTS.count + 1 }, () => ecdsa)), true);
  // Equal ones are one.
  assert.equal(
    normalizeRoots(
      Array.from({ length: 1000 }, () => ecdsa),
      nowMs,
    ).count,
    1,
  );
});

describe('an error instead of an empty bundle', () => {
  for (const [what, ders, message] of [
    ['when nothing was given', [], /no usable root: 0 given/],
    ['when all have expired', [expired], /1 given, 0 not CA certificates, 1 expired/],
    ['when all is garbage', [garbage, leaf], /2 given, 2 not CA certificates, 0 expired/],
  ] as const) {
    test(what, () => assert.throws(() => normalizeRoots(ders, nowMs), { code: 'ca-answer-invalid', message }));
  }
});
