import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../src/core/agent-error.ts';
import { frameMessage } from '../../src/transport/frame-message.ts';
import { MessageAssembler } from '../../src/transport/message-assembler.ts';
import { MessageBuffers } from '../../src/transport/message-buffers.ts';

const MAX_BYTES = 200_000;

const newAssembler = (): MessageAssembler => new MessageAssembler(MAX_BYTES, new MessageBuffers());

function takeAll(assembler: MessageAssembler): Buffer[] {
  const taken: Buffer[] = [];
  for (let message = assembler.take(); message !== undefined; message = assembler.take()) {
    taken.push(Buffer.from(message));
    assembler.release();
  }
  return taken;
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

const message = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.integer({ min: 60_000, max: 140_000 }).map((length) => new Uint8Array(length).fill(length % 251)),
);

test('any way of cutting the bytes gives the same messages', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, places) => {
      const assembler = newAssembler();
      const taken: Buffer[] = [];
      for (const chunk of cut(Buffer.concat(messages.map(frameMessage)), places)) {
        assembler.push(chunk);
        taken.push(...takeAll(assembler));
      }
      assert.deepEqual(taken, messages.map(Buffer.from));
      assert.equal(assembler.unfinishedBytes, 0);
    }),
  );
});

test('messages wait while nobody takes them', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.array(fc.nat(), { maxLength: 8 }), (messages, places) => {
      const assembler = newAssembler();
      for (const chunk of cut(Buffer.concat(messages.map(frameMessage)), places)) assembler.push(chunk);
      assert.deepEqual(takeAll(assembler), messages.map(Buffer.from));
    }),
  );
});

test('a message that lies whole in a chunk is not copied', () => {
  const assembler = newAssembler();
  const chunk = frameMessage(Buffer.from('hello'));
  assembler.push(chunk);
  assert.equal(assembler.take()?.buffer, chunk.buffer);
});

test('two messages that are arriving at once do not share memory, and one that was released lends it on', () => {
  const buffers = new MessageBuffers();
  const [a, b, c] = [1, 2, 3].map(() => new MessageAssembler(MAX_BYTES, buffers));
  assert(a && b && c);
  for (const [assembler, letter] of [
    [a, 'a'],
    [b, 'b'],
  ] as const)
    assembler.push(frameMessage(Buffer.alloc(9, letter)).subarray(0, 10));
  assert.deepEqual([a.take(), b.take()], [undefined, undefined]);
  a.push(Buffer.from('aaaa'));
  const first = a.take();
  b.push(Buffer.from('bbbb'));
  const second = b.take();
  assert.deepEqual([first?.toString(), second?.toString()], ['a'.repeat(9), 'b'.repeat(9)]);
  a.release();
  c.push(frameMessage(Buffer.alloc(9, 'c')).subarray(0, 10));
  c.take();
  c.push(Buffer.from('cccc'));
  assert.equal(c.take()?.buffer, first?.buffer);
});

test('the largest message is taken, one byte more is refused before it arrives', () => {
  const assembler = newAssembler();
  assembler.push(frameMessage(Buffer.alloc(MAX_BYTES)));
  assert.equal(assembler.take()?.length, MAX_BYTES);
  assembler.release();
  assembler.push(Buffer.from([0, ...uint32(MAX_BYTES + 1)]));
  assert.throws(() => assembler.take(), withCode('request-too-large'));
});

test('a compressed message is refused by its flag', () => {
  for (const flag of [1, 2, 255]) {
    const assembler = newAssembler();
    assembler.push(Buffer.from([flag, ...uint32(0)]));
    assert.throws(() => assembler.take(), withCode('request-unimplemented'));
  }
});

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof AgentError && error.code === code;
}
