import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../src/core/agent-error.ts';
import { parseGrpcTimeout, toGrpcTimeout } from '../../src/transport/grpc-timeout.ts';

const UNDERSTOOD: readonly [string, number][] = [
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3000],
  ['4m', 4],
  ['5000u', 5],
  ['6000000n', 6],
  ['0m', 0],
  ['99999999S', 99_999_999_000],
];

for (const [text, ms] of UNDERSTOOD) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseGrpcTimeout(text), ms));
}

for (const text of ['', '1', 'S', '123456789S', '-1S', '1.5S', '1s', ' 1S', '1S ', '1S1S', '0x1S']) {
  test(`${JSON.stringify(text)} is malformed`, () => {
    assert.throws(
      () => parseGrpcTimeout(text),
      (error) => error instanceof AgentError && error.code === 'request-invalid',
    );
  });
}

test('what is written is read as the same time, or as a little more where eight digits cannot say it', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 99_999_999_000, noNaN: true }), (ms) => {
      const read = parseGrpcTimeout(toGrpcTimeout(ms));
      assert(read >= ms && read < ms + (ms > 99_999_999 ? 1000 : 1) + 1, `${ms} became ${read}`);
    }),
  );
});
