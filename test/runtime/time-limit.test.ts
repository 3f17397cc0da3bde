import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTimeLimit } from '../../src/runtime/time-limit.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';

const { signal } = new AbortController();

test('work that is done in time gives its value, and nothing of the limit is left', async () => {
  const clock = new FakeClock();
  let heard: AbortSignal | undefined;
  let late = 0;
  const onTimeout = (): Error => new Error(`${++late}`);
  const value = await withTimeLimit(clock, seconds(1), signal, onTimeout, async (limited) => {
    heard = limited;
    return 'done';
  });
  assert.equal(value, 'done');
  assert.equal(clock.sleeping, 0);
  await clock.advance(seconds(2));
  assert.equal(late, 0, 'no error is made for what did not happen');
  assert.equal(heard?.aborted, false);
});

test('work that is late is told so and left behind, whatever it does then', async () => {
  const clock = new FakeClock();
  let heard: AbortSignal | undefined;
  const ended = assert.rejects(
    withTimeLimit(
      clock,
      seconds(1),
      signal,
      () => new Error('late'),
      async (limited) => {
        heard = limited;
        await clock.sleep(seconds(5), signal);
        throw new Error('nobody hears this');
      },
    ),
    { message: 'late' },
  );
  await clock.advance(seconds(1));
  await ended;
  assert.equal(heard?.aborted, true);
  await clock.advance(seconds(5));
});

test('the outer signal reaches the work, also when it had aborted before', async () => {
  const clock = new FakeClock();
  for (const when of ['before', 'during']) {
    const outer = new AbortController();
    if (when === 'before') outer.abort();
    const seen = withTimeLimit(
      clock,
      seconds(1),
      outer.signal,
      () => new Error('late'),
      async (limited) => {
        if (when === 'during') outer.abort();
        return limited.aborted;
      },
    );
    assert.equal(await seen, true);
    assert.equal(clock.sleeping, 0);
  }
});

test('what the work throws is thrown, at once or later', async () => {
  const clock = new FakeClock();
  const broken = (): never => {
    throw new Error('broken');
  };
  const onTimeout = (): Error => new Error('late');
  for (const work of [broken, async () => broken()]) {
    await assert.rejects(withTimeLimit(clock, seconds(1), signal, onTimeout, work), { message: 'broken' });
  }
  assert.equal(clock.sleeping, 0);
});
