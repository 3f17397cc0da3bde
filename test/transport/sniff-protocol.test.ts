import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniffProtocol } from '../../src/transport/sniff-protocol.ts';

const FIRST_BYTES: readonly [string, string][] = [
  ['', 'undecided'],
  ['P', 'undecided'],
  ['PR', 'undecided'],
  ['PRI', 'undecided'],
  ['PRI ', 'http2'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
  ['PO', 'http1'],
  ['POST / HTTP/1.1\r\n', 'http1'],
  ['PRINT', 'http1'],
  ['G', 'http1'],
  ['\x16\x03\x01', 'neither'],
  ['\0', 'neither'],
  ['get', 'neither'],
  ['\r\nGET', 'neither'],
];

for (const [bytes, protocol] of FIRST_BYTES) {
  test(`${JSON.stringify(bytes)} is ${protocol}`, () => {
    assert.equal(sniffProtocol(Buffer.from(bytes, 'latin1')), protocol);
  });
}
