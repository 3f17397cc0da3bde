import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { AgentError } from '../../src/core/agent-error.ts';
import { DeltaDiscoveryRequest, DiscoveryRequest } from '../../src/gen/xds/discovery.ts';
import { RequestFilter } from '../../src/sds/request-filter.ts';

const NODE_FIELD = { sotw: 2, delta: 1 };

/** What else an Envoy puts into its Node: fields that are passed over, of every wire type. */
const otherNodeFields = fc.array(
  fc.oneof(
    fc.record({ field: fc.integer({ min: 3, max: 5000 }), bytes: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ field: fc.integer({ min: 3, max: 5000 }), varint: fc.nat() }),
    fc.record({ field: fc.integer({ min: 3, max: 5000 }), double: fc.double() }),
    fc.record({ field: fc.integer({ min: 3, max: 5000 }), float: fc.float() }),
  ),
  { maxLength: 20 },
);
const text = fc.string({ maxLength: 200, unit: 'binary' });
const request = fc.record({
  version: text,
  node: fc.option(fc.record({ id: text, cluster: text, others: otherNodeFields })),
  names: fc.array(text, { maxLength: 5 }),
  typeUrl: text,
  nonce: text,
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

/** The whole request, as an Envoy writes it. */
function encode({ version, node, names, typeUrl, nonce }: Request, kind: keyof typeof NODE_FIELD): Buffer {
  const writer = new BinaryWriter();
  const field = (number: number, value: string): void => {
    writer.uint32((number << 3) | 2).string(value);
  };
  if (kind === 'sotw') field(1, version);
  if (node !== null) {
    writer.uint32((NODE_FIELD[kind] << 3) | 2).bytes(encodeNode(node));
  }
  if (kind === 'delta') field(2, typeUrl);
  for (const name of names) field(3, name);
  if (kind === 'sotw') field(4, typeUrl);
  field(kind === 'sotw' ? 5 : 6, nonce);
  return Buffer.from(writer.finish());
}

function encodeNode({ id, cluster, others }: NonNullable<Request['node']>): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(10).string(id).uint32(18).string(cluster);
  for (const other of others) writeOther(writer, other);
  return writer.finish();
}

function writeOther(writer: BinaryWriter, other: NonNullable<Request['node']>['others'][number]): void {
  if ('bytes' in other) writer.uint32((other.field << 3) | 2).bytes(other.bytes);
  else if ('varint' in other) writer.uint32(other.field << 3).uint32(other.varint);
  else if ('double' in other) writer.uint32((other.field << 3) | 1).double(other.double);
  else writer.uint32((other.field << 3) | 5).float(other.float);
}

function filter(bytes: Buffer, nodeField: number, cuts: readonly number[]): Buffer {
  const filtering = new RequestFilter(nodeField);
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    filtering.push(bytes.subarray(from, to));
    from = to;
  }
  return filtering.end();
}

const cuts = fc.array(fc.nat(100_000), { maxLength: 30 });

test('a filtered state-of-the-world request decodes to the same, however it was cut', () => {
  fc.assert(
    fc.property(request, cuts, (one, places) => {
      const whole = encode(one, 'sotw');
      const short = filter(whole, NODE_FIELD.sotw, places);
      assert.deepEqual(DiscoveryRequest.decode(short), DiscoveryRequest.decode(whole));
    }),
    { numRuns: 500 },
  );
});

test('a filtered delta request decodes to the same, however it was cut', () => {
  fc.assert(
    fc.property(request, cuts, (one, places) => {
      const whole = encode(one, 'delta');
      const short = filter(whole, NODE_FIELD.delta, places);
      assert.deepEqual(DeltaDiscoveryRequest.decode(short), DeltaDiscoveryRequest.decode(whole));
    }),
    { numRuns: 500 },
  );
});

test('what is not looked at is not held', () => {
  const others = Array.from({ length: 600 }, () => ({ field: 9, bytes: new Uint8Array(100) }));
  const node = { id: 'sidecar', cluster: 'shop', others };
  const whole = encode({ version: '', node, names: ['default'], typeUrl: 't', nonce: '' }, 'sotw');
  const filtering = new RequestFilter(NODE_FIELD.sotw);
  for (let from = 0; from < whole.length; from += 16_384) {
    filtering.push(whole.subarray(from, from + 16_384));
    assert.ok(filtering.heldBytes < 100);
  }
  assert.ok(whole.length > 60_000);
  assert.ok(filtering.end().length < 100);
});

test('garbage ends in an error that says so, or in bytes; never in anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, places) => {
      try {
        filter(Buffer.from(bytes), NODE_FIELD.sotw, places);
      } catch (thrown) {
        assert.ok(thrown instanceof AgentError && thrown.code === 'request-invalid');
      }
    }),
    { numRuns: 5000 },
  );
});
