import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToldRoots } from '../../../src/ca-providers/citadel/told-roots.ts';
import { FakeClock, hours } from '../../fakes/fake-clock.ts';

const [A, B, C] = ['a', 'b', 'c'].map((name) => Buffer.from(name)) as [Buffer, Buffer, Buffer];

function start() {
  const clock = new FakeClock();
  const told = new ToldRoots(clock);
  /** An answer with these roots, and a leaf that lives so long. */
  const learn = (roots: readonly Buffer[], lifetimeMs = hours(24)): boolean =>
    told.learn({ roots, notAfterMs: clock.now() + lifetimeMs });
  const current = (): string => told.current().map(String).sort().join('');
  return { clock, learn, current };
}

test('nothing is known before the first answer', () => {
  assert.equal(start().current(), '');
});

test('the first root is news, the same again is none', () => {
  const { learn, current } = start();
  assert.equal(learn([A]), true);
  assert.equal(learn([A]), false);
  assert.equal(current(), 'a');
});

test('replicas that answer with two roots in turn change the roots once', async () => {
  const { clock, learn, current } = start();
  learn([A]);
  assert.equal(learn([B]), true);
  for (let turn = 0; turn < 20; turn++) {
    await clock.advance(hours(5));
    assert.equal(learn(turn % 2 === 0 ? [A] : [B]), false);
    assert.equal(current(), 'ab');
  }
});

test('a root goes when the last certificate that came with it has expired', async () => {
  const { clock, learn, current } = start();
  learn([A], hours(24));
  await clock.advance(hours(1));
  learn([B], hours(24));
  await clock.advance(hours(23) - 1);
  assert.equal(current(), 'ab');
  await clock.advance(1);
  assert.equal(current(), 'b');
  assert.equal(learn([B]), false);
});

test('a root that went and comes back is news', async () => {
  const { clock, learn } = start();
  learn([A]);
  learn([B]);
  await clock.advance(hours(25));
  assert.equal(learn([A]), true);
});

test('a short certificate takes nothing from the life of a long one', async () => {
  const { clock, learn, current } = start();
  learn([A], hours(24));
  learn([A], hours(1));
  learn([B]);
  await clock.advance(hours(23));
  assert.equal(current(), 'ab');
});

test('the newest roots stay, however long nobody has asked for a certificate', async () => {
  const { clock, learn, current } = start();
  learn([A, B]);
  await clock.advance(hours(24 * 30));
  assert.equal(current(), 'ab');
  learn([C]);
  assert.equal(current(), 'c');
});

test('a CA with a new root in each answer is remembered to a limit', () => {
  const { learn, current } = start();
  for (let index = 0; index < 500; index++) learn([Buffer.from(`<${index}>`)]);
  assert.equal(current().match(/</g)?.length, 100);
  assert.match(current(), /<499>/);
});

test('large roots are remembered to a limit of bytes', () => {
  const { learn, current } = start();
  for (let index = 0; index < 10; index++) learn([Buffer.from(`<${index}${'x'.repeat(100_000)}>`)]);
  assert.deepEqual(current().match(/<\d/g), ['<8', '<9']);
});
