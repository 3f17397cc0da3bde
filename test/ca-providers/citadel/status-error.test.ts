import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { toStatusError } from '../../../src/ca-providers/citadel/status-error.ts';
import type { ErrorCode } from '../../../src/core/agent-error.ts';
import { RetryInfo, Status } from '../../../src/gen/grpc/status.ts';

const CODES: Readonly<Record<Exclude<keyof typeof status, 'OK'>, ErrorCode>> = {
  CANCELLED: 'ca-unavailable',
  UNKNOWN: 'ca-unavailable',
  INVALID_ARGUMENT: 'ca-request-refused',
  DEADLINE_EXCEEDED: 'ca-timeout',
  NOT_FOUND: 'ca-request-refused',
  ALREADY_EXISTS: 'ca-request-refused',
  PERMISSION_DENIED: 'ca-permission-denied',
  RESOURCE_EXHAUSTED: 'ca-overloaded',
  FAILED_PRECONDITION: 'ca-request-refused',
  ABORTED: 'ca-unavailable',
  OUT_OF_RANGE: 'ca-request-refused',
  UNIMPLEMENTED: 'ca-answer-invalid',
  INTERNAL: 'ca-unavailable',
  UNAVAILABLE: 'ca-unavailable',
  DATA_LOSS: 'ca-unavailable',
  UNAUTHENTICATED: 'ca-token-rejected',
};

const asIs = (text: string): string => text;
const failed = (code: number, details = '', metadata = new Metadata()) => ({ code, details, metadata });

describe('a status of the CA', () => {
  for (const [name, code] of Object.entries(CODES)) {
    test(`${name} is ${code}, and says what to look at`, () => {
      const error = toStatusError(failed(status[name as keyof typeof CODES], 'no "luck"\n'), asIs);
      assert.equal(error.code, code);
      assert.match(error.message, /: look at .*; it says "no \\"luck\\""$/);
    });
  }

  test('without a text is told without one', () => {
    assert.doesNotMatch(toStatusError(failed(status.INTERNAL), asIs).message, /says/);
  });

  test('that nobody knows is taken for UNKNOWN', () => {
    assert.equal(toStatusError(failed(99), asIs).message, toStatusError(failed(status.UNKNOWN), asIs).message);
  });
});

test('what grpc-js says in place of the CA is told as what it is', () => {
  const TABLE = [
    { code: status.RESOURCE_EXHAUSTED, says: 'Received message larger than max (2 vs. 1)', is: 'ca-answer-invalid' },
    { code: status.PERMISSION_DENIED, says: 'Protocol not secure enough', is: 'ca-unavailable' },
  ];
  for (const { code, says, is } of TABLE) assert.equal(toStatusError(failed(code, says), asIs).code, is);
});

describe('a connection that fails names the setting', () => {
  const FAULTS: readonly { readonly says: string; readonly names: RegExp }[] = [
    {
      says: "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: …",
      names: /CA_SERVER_NAME/,
    },
    { says: 'Error: self-signed certificate in certificate chain', names: /CA_ROOT_CA/ },
    { says: 'Error: unable to verify the first certificate', names: /CA_ROOT_CA/ },
    { says: 'Error: unable to get local issuer certificate', names: /CA_ROOT_CA/ },
    { says: 'Error: certificate has expired', names: /clocks/ },
    { says: 'Error: 80:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:x.c:1:\n', names: /port/ },
    { says: 'Error: 80:error:0A000410:SSL routines:x:sslv3 alert handshake failure:x.c:1:\n', names: /handshake/ },
    { says: 'Error: connect ECONNREFUSED 127.0.0.1:1', names: /cannot be reached: look at CA_ADDR/ },
  ];
  for (const { says, names } of FAULTS) {
    test(`for ${JSON.stringify(says)}`, () => {
      const error = toStatusError(
        failed(status.UNAVAILABLE, `No connection established. Last error: ${says}. Resolution note: `),
        asIs,
      );
      assert.equal(error.code, 'ca-unavailable');
      assert.match(error.message, names);
      assert.doesNotMatch(error.message, /No connection established|Resolution note/);
    });
  }
});

describe('a break that the CA asks for', () => {
  const trailer = (typeUrl: string, value: Uint8Array): Metadata => {
    const metadata = new Metadata();
    const details = [{ typeUrl, value: Buffer.from(value) }];
    metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ details }).finish()));
    return metadata;
  };
  const retryInfo = (seconds: number, nanos = 0): Metadata =>
    trailer('type.googleapis.com/google.rpc.RetryInfo', RetryInfo.encode({ retryDelay: { seconds, nanos } }).finish());
  const nonsense = new Metadata();
  nonsense.set('grpc-status-details-bin', Buffer.from('\xff\xff\xff', 'latin1'));

  const TABLE: readonly {
    readonly what: string;
    readonly metadata: Metadata;
    readonly expected: number | undefined;
  }[] = [
    { what: 'of 2.5 s is kept', metadata: retryInfo(2, 500_000_000), expected: 2500 },
    { what: 'of a year is an hour', metadata: retryInfo(365 * 86_400), expected: 3_600_000 },
    { what: 'that is none is none', metadata: retryInfo(0), expected: undefined },
    { what: 'in the past is none', metadata: retryInfo(-5), expected: undefined },
    {
      what: 'in a detail of another kind is none',
      metadata: trailer('type.googleapis.com/x.Y', Buffer.from('y')),
      expected: undefined,
    },
    { what: 'in nonsense is none', metadata: nonsense, expected: undefined },
  ];
  for (const { what, metadata, expected } of TABLE) {
    test(what, () => {
      assert.equal(toStatusError(failed(status.RESOURCE_EXHAUSTED, 'slow', metadata), asIs).retryAfterMs, expected);
    });
  }
});
