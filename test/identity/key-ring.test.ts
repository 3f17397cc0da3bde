import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { JwksSource } from '../../src/identity/jwks-source.ts';
import { KeyRing } from '../../src/identity/key-ring.ts';
import { FakeClock, minutes, seconds, settle } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { keySetOf, TokenForge } from './token-forge.ts';

const { signal } = new AbortController();

/** A source that is slow or out of reach when told to be, and counts its reads. */
class FakeSource implements JwksSource {
  readonly location = 'https://issuer.test/jwks';
  reads = 0;
  content: string | undefined;
  held: Promise<void> = Promise.resolve();

  async read(): Promise<string> {
    this.reads++;
    await this.held;
    if (this.content === undefined) throw new AgentError('token-verifier-unavailable', 'out of reach');
    return this.content;
  }
}

function world(...forges: readonly TokenForge[]) {
  const clock = new FakeClock();
  const source = new FakeSource();
  source.content = keySetOf(...forges);
  const log = new RecordingLog();
  const lifetime = new AbortController();
  const ring = new KeyRing({ source, clock, log, lifetime: lifetime.signal });
  const find = (kid: string) => ring.keysFor({ alg: 'ES256', kid }, signal);
  return { clock, source, log, ring, find };
}

const OLD = new TokenForge('ES256', 'old');
const YOUNG = new TokenForge('ES256', 'young');

test('the key set is read once for any number of tokens', async () => {
  const { source, find, clock } = world(OLD);
  await Promise.all(Array.from({ length: 100 }, () => find('old')));
  await clock.advance(minutes(9));
  await find('old');
  assert.equal(source.reads, 1);
});

test('a new key is found by reading again', async () => {
  const { source, find, clock } = world(OLD);
  await find('old');
  source.content = keySetOf(OLD, YOUNG);
  await clock.advance(seconds(10));
  assert.equal((await find('young')).length, 1);
  assert.equal(source.reads, 2);
});

test('a storm of unknown key ids reaches the source once every ten seconds, and known keys are found meanwhile', async () => {
  const { source, find, clock } = world(OLD);
  await find('old');
  for (let second = 0; second < 60; second++) {
    const strangers = Array.from({ length: 20 }, (_, number) => find(`stranger-${second}-${number}`));
    for (const result of await Promise.allSettled(strangers)) {
      assert.equal(result.status, 'rejected');
      assert.equal(result.reason.code, 'token-rejected');
    }
    await find('old');
    await clock.advance(seconds(1));
  }
  assert.equal(source.reads, 6);
});

test('a source that is out of reach from the start is tried again every two seconds, and callers are told to come back', async () => {
  const { source, find, clock, log } = world(OLD);
  source.content = undefined;
  for (let tenth = 0; tenth < 40; tenth++) {
    await assert.rejects(find('old'), { code: 'token-verifier-unavailable' });
    await clock.advance(100);
  }
  assert.equal(source.reads, 2);
  assert.equal(log.events.length, 2);
  source.content = keySetOf(OLD);
  await clock.advance(seconds(2));
  await find('old');
});

test('while the source is out of reach the last good keys count, and nobody waits for it', async () => {
  const { source, find, clock } = world(OLD);
  await find('old');
  source.content = undefined;
  source.held = new Promise(() => undefined);
  await clock.advance(minutes(11));
  await find('old');
  assert.equal(source.reads, 2);
});

test('a withdrawn key stops being accepted after ten minutes and one read', async () => {
  const { source, find, clock } = world(OLD, YOUNG);
  await find('old');
  source.content = keySetOf(YOUNG);
  await clock.advance(minutes(10));
  await find('old');
  await settle();
  await assert.rejects(find('old'), { code: 'token-rejected' });
  await find('young');
});

test('an unknown key while the source is out of reach is unavailable, not refused for good', async () => {
  const { source, find, clock } = world(OLD);
  await find('old');
  source.content = undefined;
  await clock.advance(seconds(10));
  await assert.rejects(find('young'), { code: 'token-verifier-unavailable' });
});

test('a caller who leaves does not end the read that others wait for', async () => {
  const { source, ring, find } = world(OLD);
  const { promise, release } = gate();
  source.held = promise;
  const leaving = new AbortController();
  const left = ring.keysFor({ alg: 'ES256', kid: 'old' }, leaving.signal);
  const stayed = find('old');
  leaving.abort();
  await assert.rejects(left, { code: 'request-cancelled' });
  release();
  assert.equal((await stayed).length, 1);
  assert.equal(source.reads, 1);
});

function gate(): { promise: Promise<void>; release: () => void } {
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}
