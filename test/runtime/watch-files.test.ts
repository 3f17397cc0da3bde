import assert from 'node:assert/strict';
import { readFileSync, watch } from 'node:fs';
import { appendFile, link, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { watchFiles } from '../../src/runtime/watch-files.ts';
import { FakeClock, hours, seconds } from '../fakes/fake-clock.ts';
import { eventually } from '../transport/eventually.ts';

const NOTHING = '(nothing)';

/** A directory with a volume as Kubernetes makes it, and a watch of one file in there. */
class Watching implements AsyncDisposable {
  readonly directory: string;
  /** What the file has held, each time it was looked. */
  readonly seen: string[] = [];
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async in(prepare: (directory: string) => Promise<void>): Promise<Watching> {
    const watching = new Watching(await mkdtemp(join(tmpdir(), 'sds-watch-')));
    await prepare(watching.directory);
    return watching;
  }

  at(...names: string[]): string {
    return join(this.directory, ...names);
  }

  async start(path: string, clock: Clock = systemClock): Promise<void> {
    const look = async (): Promise<void> => {
      this.seen.push(contentOf(path));
    };
    const options = { paths: [path], clock, settleMs: 20, pollMs: hours(1) };
    this.#done = watchFiles(options, look, this.#stop.signal);
    await eventually('the first look', () => this.seen.length > 0);
  }

  async untilSeen(content: string): Promise<void> {
    await eventually(`it sees ${content}`, () => this.seen.at(-1) === content);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true });
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return NOTHING;
  }
}

/** A ConfigMap or Secret as the kubelet writes it: the file is a link through `..data`, which is replaced as a whole. */
async function writeVolume(directory: string, generation: string, content: string): Promise<void> {
  await mkdir(join(directory, generation), { recursive: true });
  await writeFile(join(directory, generation, 'file'), content);
  await symlink(generation, join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  await symlink('..data/file', join(directory, 'file')).catch(() => undefined);
}

const CHANGES: Readonly<Record<string, (watching: Watching) => Promise<void>>> = {
  'a write in place': (watching) => writeFile(watching.at('file'), 'new'),
  'a rename over it': async (watching) => {
    await writeFile(watching.at('other'), 'new');
    await rename(watching.at('other'), watching.at('file'));
  },
  'its removal and return': async (watching) => {
    await unlink(watching.at('file'));
    await watching.untilSeen(NOTHING);
    await writeFile(watching.at('file'), 'new');
  },
  'the return of its directory': async (watching) => {
    await rm(watching.directory, { recursive: true });
    await watching.untilSeen(NOTHING);
    await mkdir(watching.directory);
    await writeFile(watching.at('file'), 'between');
    await watching.untilSeen('between');
    await writeFile(watching.at('file'), 'new');
  },
  'another directory in place of its own': async (watching) => {
    const [old, fresh] = [`${watching.directory}-old`, `${watching.directory}-new`];
    await mkdir(fresh);
    await writeFile(join(fresh, 'file'), 'between');
    await rename(watching.directory, old);
    await rename(fresh, watching.directory);
    await watching.untilSeen('between');
    await writeFile(watching.at('file'), 'new');
    await rm(old, { recursive: true });
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`${what} is noticed`, { timeout: 60_000 }, async () => {
    await using watching = await Watching.in((directory) => writeFile(join(directory, 'file'), 'old'));
    await watching.start(watching.at('file'));
    await change(watching);
    await watching.untilSeen('new');
  });
}

test('a file that is made later is noticed, also when its directory is', { timeout: 60_000 }, async () => {
  await using watching = await Watching.in(async () => undefined);
  await watching.start(watching.at('later', 'file'));
  assert.deepEqual(watching.seen, [NOTHING]);
  await mkdir(watching.at('later'));
  await writeFile(watching.at('later', 'file'), 'new');
  await watching.untilSeen('new');
});

test('swaps of a Kubernetes volume are noticed, one after the other', { timeout: 60_000 }, async () => {
  await using watching = await Watching.in((directory) => writeVolume(directory, '..1', 'one'));
  await watching.start(watching.at('file'));
  await writeVolume(watching.directory, '..2', 'two');
  await watching.untilSeen('two');
  await rm(watching.at('..1'), { recursive: true });
  await writeVolume(watching.directory, '..3', 'three');
  await watching.untilSeen('three');
});

test('a write to the file behind a link is noticed', { timeout: 60_000 }, async () => {
  await using watching = await Watching.in(async (directory) => {
    await mkdir(join(directory, 'elsewhere'));
    await writeFile(join(directory, 'elsewhere', 'file'), 'old');
    await symlink('elsewhere', join(directory, 'link'));
  });
  await watching.start(watching.at('link', 'file'));
  await writeFile(watching.at('elsewhere', 'file'), 'new');
  await watching.untilSeen('new');
});

test('links in a circle are looked at, and do no harm', { timeout: 60_000 }, async () => {
  await using watching = await Watching.in((directory) => symlink('file', join(directory, 'file')));
  await watching.start(watching.at('file'));
  assert.deepEqual(watching.seen, [NOTHING]);
});

test('other files of the directory are not looked at', { timeout: 60_000 }, async () => {
  const clock = new FakeClock();
  await using watching = await Watching.in((directory) => writeFile(join(directory, 'file'), 'old'));
  await watching.start(watching.at('file'), clock);
  await clock.advance(seconds(1));
  // The kernel tells this one after the one of the watch.
  let lines = 0;
  const oracle = watch(watching.directory, () => lines++);
  try {
    for (let line = 1; line <= 3; line++) {
      const before = lines;
      await appendFile(watching.at('log'), 'a line\n');
      await eventually('the kernel tells of the log', () => lines > before);
      await clock.advance(seconds(1));
    }
  } finally {
    oracle.close();
  }
  assert.deepEqual(watching.seen, ['old']);
});

test('what the kernel does not tell of is noticed when the interval has passed', { timeout: 60_000 }, async () => {
  const clock = new FakeClock();
  await using watching = await Watching.in(async (directory) => {
    await mkdir(join(directory, 'unwatched'));
    await writeFile(join(directory, 'unwatched', 'name'), 'old');
    await link(join(directory, 'unwatched', 'name'), join(directory, 'file'));
  });
  await watching.start(watching.at('file'), clock);
  await clock.advance(seconds(1));
  // The kernel tells the directory through which the file was opened, and no other.
  await writeFile(watching.at('unwatched', 'name'), 'new');
  await clock.advance(hours(1) - seconds(2));
  assert.deepEqual(watching.seen, ['old']);
  await clock.advance(seconds(1));
  await watching.untilSeen('new');
});

test('nothing is left when the signal has aborted', { timeout: 60_000 }, async () => {
  const watchers = (): number => process.getActiveResourcesInfo().filter((kind) => kind.startsWith('FSEvent')).length;
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  await eventually('the watchers of other tests are closed', () => watchers() === 0);
  const timersBefore = timers();
  await using watching = await Watching.in((directory) => writeFile(join(directory, 'file'), 'old'));
  await watching.start(watching.at('file'));
  assert.ok(watchers() > 0, 'something is watched');
  await watching.stop();
  await eventually('all watchers are closed', () => watchers() === 0);
  assert.equal(timers(), timersBefore);
  await writeFile(watching.at('file'), 'new');
  assert.deepEqual(watching.seen, ['old']);
});
