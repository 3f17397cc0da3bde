import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PublishedRoots } from '../../src/ca-service/published-roots.ts';
import { FakeClock, minutes, seconds } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const signal = new AbortController().signal;

/** Roots whose publication fails while `broken`. */
async function createPublication() {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const ca = await MemoryCa.create(clock);
  const state: { broken: boolean; readonly published: string[] } = { broken: false, published: [] };
  const publish = async (pem: string): Promise<void> => {
    if (state.broken) throw new Error('the API server is down');
    state.published.push(pem);
  };
  return { clock, log, ca, state, roots: new PublishedRoots({ ca, file: undefined, publish, clock, log }) };
}

test('roots are published once, and again when they change', async () => {
  const { ca, state, roots } = await createPublication();
  await roots.refresh(signal);
  await roots.refresh(signal);
  assert.equal(state.published.length, 1);
  assert.match(state.published[0] ?? '', /^-----BEGIN CERTIFICATE-----/);
  await ca.stageRoot(signal);
  await roots.refresh(signal);
  assert.equal(state.published.length, 2);
  assert.notEqual(state.published[1], state.published[0]);
});

test('roots are published again after a while: somebody may have removed them', async () => {
  const { clock, state, roots } = await createPublication();
  await roots.refresh(signal);
  await clock.advance(minutes(9));
  await roots.refresh(signal);
  assert.equal(state.published.length, 1);
  await clock.advance(minutes(1));
  await roots.refresh(signal);
  assert.equal(state.published.length, 2);
});

test('a publication that fails keeps nobody from signing: it is told, and tried with the next look', async () => {
  const { clock, log, state, roots } = await createPublication();
  state.broken = true;
  await roots.refresh(signal);
  assert.ok(roots.roots !== undefined);
  assert.ok(log.events.some(({ level, message }) => level === 'warn' && message.includes('could not be published')));
  state.broken = false;
  await clock.advance(seconds(10));
  await roots.refresh(signal);
  assert.equal(state.published.length, 1);
});
