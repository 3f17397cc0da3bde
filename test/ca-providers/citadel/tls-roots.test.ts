import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileStamp } from '../../../src/ca-providers/citadel/file-stamp.ts';
import { FileTlsRoots } from '../../../src/ca-providers/citadel/tls-roots.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { systemClock } from '../../../src/runtime/system-clock.ts';
import { hours } from '../../fakes/fake-clock.ts';
import { RecordingLog } from '../../fakes/recording-log.ts';
import { createLoopbackCertificate } from '../../identity/loopback-certificate.ts';
import { TLS } from './citadel-world.ts';

/** For which everything that happens now is long past. */
const LATER: Clock = { ...systemClock, now: () => systemClock.now() + hours(1) };

test('a link that is swapped for another and back is followed each time, whatever the files look like', async (t) => {
  const { at, texts } = await volume(t);
  for (const [name, text] of [
    ['first', texts[0]],
    ['second', texts[1]],
  ] as const) {
    await writeFile(at(name), text);
    // The one who makes a volume may give all its files one time.
    await utimes(at(name), 1, 1);
  }
  assert.equal((await stat(at('first'))).size, (await stat(at('second'))).size);
  await point(at, 'first');
  const { roots, log } = await load(at('root.pem'), LATER);
  const seen = [await roots.current()];
  for (const name of ['second', 'first', 'second']) {
    await point(at, name);
    seen.push(await roots.current());
    assert.equal(await roots.current(), seen.at(-1), 'without a change nothing is connected to anew');
  }
  assert.equal(new Set(seen).size, 4);
  assert.equal(log.events.length, 3);
});

test('a file that has only just changed has no stamp: the next change may come within the same step of the clock', async (t) => {
  const { at, texts } = await volume(t);
  await writeFile(at('root.pem'), texts[0]);
  assert.equal(fileStamp(at('root.pem'), systemClock), undefined);
  const stamp = fileStamp(at('root.pem'), LATER);
  assert.ok(stamp);
  assert.equal(fileStamp(at('root.pem'), LATER), stamp);
});

test('a file that is rewritten in place again and again, faster than any clock, is never missed', async (t) => {
  const { at, texts } = await volume(t);
  await writeFile(at('root.pem'), texts[0]);
  const { roots } = await load(at('root.pem'), systemClock);
  let before = await roots.current();
  for (let round = 1; round <= 60; round++) {
    await writeFile(at('root.pem'), texts[round % 2] ?? '');
    const after = await roots.current();
    assert.notEqual(after, before, `round ${round}`);
    before = after;
  }
});

test('a file that comes back as it was is good again, and its next fault is told', async (t) => {
  const { at, texts } = await volume(t);
  await mkdir(at('volume'));
  await writeFile(at('volume/root.pem'), texts[0]);
  const { roots, log } = await load(at('volume/root.pem'), LATER);
  const good = await roots.current();
  for (let round = 1; round <= 3; round++) {
    // With its directory, so that nothing about the file itself is new.
    await rename(at('volume'), at('elsewhere'));
    assert.equal(await roots.current(), good);
    assert.equal(await roots.current(), good);
    await rename(at('elsewhere'), at('volume'));
    assert.equal(await roots.current(), good);
    assert.equal(log.events.length, round);
  }
});

async function load(file: string, clock: Clock) {
  const log = new RecordingLog();
  return { roots: await FileTlsRoots.load(file, clock, log), log };
}

/** As the kubelet does: the link is replaced in one step. */
async function point(at: (name: string) => string, name: string): Promise<void> {
  await symlink(name, at('..data_tmp'));
  await rename(at('..data_tmp'), at('root.pem'));
}

/** A directory, and two different files of one size for it. */
async function volume(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'tls-roots-'));
  t.after(() => rm(directory, { recursive: true }));
  const pems = [(await TLS).cert, (await createLoopbackCertificate()).cert] as const;
  const length = Math.max(...pems.map((pem) => pem.length));
  const texts = [pems[0].padEnd(length, '\n'), pems[1].padEnd(length, '\n')] as const;
  return { at: (name: string) => join(directory, name), texts };
}
