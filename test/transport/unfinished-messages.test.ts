import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Unfinished, UnfinishedMessages } from '../../src/transport/unfinished-messages.ts';

class Holder implements Unfinished {
  gaveUp = 0;
  giveUp(): void {
    this.gaveUp++;
  }
}

test('when the room runs out, the oldest messages go, and only as many as needed', () => {
  const unfinished = new UnfinishedMessages(100);
  const holders = [new Holder(), new Holder(), new Holder()];
  for (const holder of holders) unfinished.hold(holder, 40);
  assert.deepEqual(
    holders.map(({ gaveUp }) => gaveUp),
    [1, 0, 0],
  );
  assert.equal(unfinished.bytes, 80);
});

test('a message that has been finished makes room', () => {
  const unfinished = new UnfinishedMessages(100);
  const holders = [new Holder(), new Holder(), new Holder()];
  for (const holder of holders) {
    unfinished.hold(holder, 60);
    unfinished.finish(holder);
    unfinished.finish(holder);
  }
  assert.deepEqual(
    holders.map(({ gaveUp }) => gaveUp),
    [0, 0, 0],
  );
  assert.equal(unfinished.bytes, 0);
});

test('a message counts once, however often its rest is waited for, and does not become younger', () => {
  const unfinished = new UnfinishedMessages(100);
  const [old, young] = [new Holder(), new Holder()];
  unfinished.hold(old, 60);
  unfinished.hold(old, 60);
  assert.equal(unfinished.bytes, 60);
  unfinished.hold(young, 60);
  assert.deepEqual([old.gaveUp, young.gaveUp], [1, 0]);
});
