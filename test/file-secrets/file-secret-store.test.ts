import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { FileRef, Secret } from '../../src/core/secret.ts';
import type { Subscription } from '../../src/core/secret-store.ts';
import type { ForeignStatus } from '../../src/core/status-report.ts';
import { FileSecretStore, type FileSecretStoreOptions } from '../../src/file-secrets/file-secret-store.ts';
import { SYSTEM_ROOT_FILES } from '../../src/file-secrets/system-roots.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { days, FakeClock, hours, minutes, seconds } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { type PemPair, WebCa } from '../fakes/web-ca.ts';
import { eventually } from '../transport/eventually.ts';

const NOW_MS = Date.now();
const ca = await WebCa.create(NOW_MS);
const issue = (fromMs = -hours(1), toMs = days(90)): Promise<PemPair> =>
  ca.issue('shop.example.com', NOW_MS + fromMs, NOW_MS + toMs);
const [first, second] = [await issue(), await issue()];

/** A volume of a Kubernetes Secret, and a store that serves from it. */
class FileWorld implements AsyncDisposable {
  readonly log = new RecordingLog();
  readonly directory: string;
  readonly store: FileSecretStore;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #generation = 0;

  private constructor(directory: string, options: Partial<FileSecretStoreOptions>) {
    this.directory = directory;
    this.store = new FileSecretStore({ clock: systemClock, log: this.log, forgetAfterMs: minutes(10), ...options });
    this.#running = this.store.run(this.#stop.signal);
  }

  static async create(options: Partial<FileSecretStoreOptions> = {}): Promise<FileWorld> {
    return new FileWorld(await mkdtemp(join(tmpdir(), 'sds-files-')), options);
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  get pairRef(): FileRef {
    const directories = [this.directory];
    return { kind: 'file-certificate', chainPath: this.at('tls.crt'), keyPath: this.at('tls.key'), directories };
  }

  rootRef(name = 'ca.crt'): FileRef {
    return { kind: 'file-bundle', path: this.at(name), directories: [this.directory] };
  }

  /** As the kubelet does it: all files at once, through `..data`. */
  async swap({ chain, key }: PemPair): Promise<void> {
    const generation = `..${++this.#generation}`;
    await mkdir(this.at(generation));
    await writeFile(this.at(`${generation}/tls.crt`), chain);
    await writeFile(this.at(`${generation}/tls.key`), key);
    await symlink(generation, this.at('..data_tmp'));
    await rename(this.at('..data_tmp'), this.at('..data'));
    for (const name of ['tls.crt', 'tls.key']) await symlink(`..data/${name}`, this.at(name)).catch(() => undefined);
  }

  async write({ chain, key }: PemPair): Promise<void> {
    await writeFile(this.at('tls.crt'), chain);
    await writeFile(this.at('tls.key'), key);
  }

  subscribe(ref: FileRef = this.pairRef): Listener {
    const listener = { changes: 0, changed: () => listener.changes++, reauthenticate: () => undefined };
    return Object.assign(listener, { subscription: this.store.subscribe(ref, listener) });
  }

  async untilServed(pair: PemPair): Promise<void> {
    await eventually('the pair is served', () => chainOf(this.store.peek(this.pairRef)) === pair.chain);
  }

  async untilState(state: ForeignStatus['state'], reason = /./): Promise<ForeignStatus> {
    const current = (): ForeignStatus | undefined => this.store.status()[0];
    await eventually(`it is ${state}, ${reason}`, () => {
      const { state: now, lastError } = current() ?? {};
      return now === state && (state === 'ready' || reason.test(lastError?.message ?? ''));
    });
    return current() ?? assert.fail();
  }

  get warnings(): string[] {
    return this.log.events.filter(({ level }) => level === 'warn').map(({ fields: { error } }) => inspect(error));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true });
  }
}

interface Listener {
  changes: number;
  readonly subscription: Subscription;
}

function chainOf(secret: Secret | undefined): string {
  return secret?.kind === 'file-certificate' ? String(secret.chainPem) : '';
}

test('a pair is read when somebody asks, and each swap of the volume is told once', { timeout: 60_000 }, async () => {
  await using world = await FileWorld.create();
  await world.swap(first);
  assert.equal(world.store.peek(world.pairRef), undefined);
  const listener = world.subscribe();
  assert.equal(listener.changes, 0, 'nobody is called back before subscribe has returned');
  await world.untilServed(first);
  assert.equal(listener.changes, 1);
  await world.swap(second);
  await world.untilServed(second);
  assert.equal(listener.changes, 2);
  const { serial, version, notAfterMs, streams, kind, name } = await world.untilState('ready');
  assert.deepEqual({ kind, streams }, { kind: 'file-certificate', streams: 1 });
  assert.equal(name, `file-cert:${world.at('tls.crt')}~${world.at('tls.key')}`);
  assert.match(serial ?? '', /^[0-9a-f]+$/);
  assert.equal(version, world.store.peek(world.pairRef)?.version);
  assert.ok(Math.abs((notAfterMs ?? 0) - (NOW_MS + days(90))) < 1000);
});

test('the same content again is nothing new', { timeout: 60_000 }, async () => {
  await using world = await FileWorld.create();
  await world.swap(first);
  const listener = world.subscribe();
  await world.untilServed(first);
  const before = world.store.peek(world.pairRef);
  await world.swap({ ...first, chain: `# renewed\n${first.chain}` });
  await world.swap(second);
  await world.untilServed(second);
  await world.swap(first);
  await world.untilServed(first);
  assert.equal(listener.changes, 3);
  assert.equal(world.store.peek(world.pairRef)?.version, before?.version);
});

test('a pair that is torn is not served: the last good one stays until both halves fit', {
  timeout: 60_000,
}, async () => {
  await using world = await FileWorld.create();
  await world.write(first);
  const listener = world.subscribe();
  await world.untilServed(first);
  await writeFile(world.at('tls.crt'), second.chain);
  await world.untilState('stale', /do not belong together/);
  assert.equal(chainOf(world.store.peek(world.pairRef)), first.chain);
  await writeFile(world.at('tls.key'), second.key.slice(0, 60));
  await world.untilState('stale', /private key cannot be read/);
  await writeFile(world.at('tls.key'), second.key);
  await world.untilServed(second);
  await world.untilState('ready');
  assert.equal(listener.changes, 2);
  assert.ok(world.warnings.length >= 2);
});

test('a file that is replaced by a rename is read again', { timeout: 60_000 }, async () => {
  await using world = await FileWorld.create();
  await writeFile(world.at('ca.crt'), ca.rootPem);
  const listener = world.subscribe(world.rootRef());
  await eventually('the roots are served', () => listener.changes === 1);
  const other = await WebCa.create(NOW_MS);
  await writeFile(world.at('new'), ca.rootPem + other.rootPem);
  await rename(world.at('new'), world.at('ca.crt'));
  await eventually('both roots are served', () => listener.changes === 2);
  const secret = world.store.peek(world.rootRef());
  assert.equal(secret?.kind === 'file-bundle' && secret.rootCount, 2);
});

test('what is deleted is still served and shows as gone, also to a new stream, until it is back', {
  timeout: 60_000,
}, async () => {
  await using world = await FileWorld.create();
  await world.write(first);
  const listener = world.subscribe();
  await world.untilServed(first);
  await unlink(world.at('tls.key'));
  const { lastError } = await world.untilState('gone', /tls\.key" is not there/);
  assert.equal(lastError?.code, 'secret-gone');
  listener.subscription[Symbol.dispose]();
  const next = world.subscribe();
  assert.equal(chainOf(world.store.peek(world.pairRef)), first.chain);
  await world.write(second);
  await world.untilServed(second);
  assert.equal(next.changes, 1);
  assert.equal(listener.changes, 1);
});

test('what is not there yet is waited for in silence', { timeout: 60_000 }, async () => {
  await using world = await FileWorld.create();
  const listener = world.subscribe();
  await world.untilState('wanted', /is not there/);
  assert.equal(world.store.peek(world.pairRef), undefined);
  await world.swap(first);
  await world.untilServed(first);
  assert.equal(listener.changes, 1);
});

const UNSERVABLE = {
  'has expired': [await issue(-hours(2), -hours(1)), /has expired at/],
  'begins in the future': [await issue(hours(1), hours(2)), /is not valid before/],
} as const;

for (const [what, [pair, why]] of Object.entries(UNSERVABLE)) {
  test(`a certificate that ${what} is not served, nor does it replace a good one`, { timeout: 60_000 }, async () => {
    await using world = await FileWorld.create();
    await world.swap(pair);
    world.subscribe();
    await world.untilState('wanted', why);
    await world.swap(first);
    await world.untilServed(first);
    await world.swap(pair);
    await world.untilState('stale', why);
    assert.equal(chainOf(world.store.peek(world.pairRef)), first.chain);
  });
}

test('a certificate that expires is not served any more, and one that begins is, without a change', {
  timeout: 60_000,
}, async () => {
  const clock = new FakeClock(NOW_MS);
  await using world = await FileWorld.create({ clock });
  await world.swap(await issue(minutes(10), minutes(20)));
  const listener = world.subscribe();
  await world.untilState('wanted', /not valid before/);
  const passing = async (durationMs: number, isTrue: () => boolean): Promise<void> => {
    await clock.advance(durationMs);
    // The poll reads real files.
    await eventually('it is looked again', async () => {
      await clock.advance(seconds(1));
      return isTrue();
    });
  };
  await passing(minutes(10), () => world.store.peek(world.pairRef) !== undefined);
  assert.equal(listener.changes, 1);
  await passing(minutes(10), () => world.store.status()[0]?.state === 'stale');
  assert.equal(world.store.peek(world.pairRef), undefined);
  assert.equal(listener.changes, 1, 'nothing is withdrawn');
  assert.match(world.store.status()[0]?.lastError?.message ?? '', /has expired at/);
});

test('a link that leads out of the directory is answered with silence, through ..data too', {
  timeout: 60_000,
}, async () => {
  await using outside = await FileWorld.create();
  await outside.write(second);
  await using world = await FileWorld.create();
  await world.swap(first);
  world.subscribe();
  await world.untilServed(first);
  await symlink(outside.directory, world.at('..data_tmp'));
  await rename(world.at('..data_tmp'), world.at('..data'));
  await world.untilState('stale', /leads out of FILE_SECRET_DIRS/);
  assert.equal(chainOf(world.store.peek(world.pairRef)), first.chain);
});

test('roots are served sorted and each once; what is no CA is left out, and nothing else makes them unusable', {
  timeout: 60_000,
}, async () => {
  await using world = await FileWorld.create();
  const [leaf = ''] = first.chain.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/) ?? [];
  await writeFile(world.at('ca.crt'), `a comment\n${ca.rootPem}${leaf}${ca.rootPem}`);
  await writeFile(world.at('none'), leaf);
  world.subscribe(world.rootRef());
  const secret = (): Secret | undefined => world.store.peek(world.rootRef());
  await eventually('the roots are served', () => secret() !== undefined);
  const served = secret();
  assert.ok(served?.kind === 'file-bundle');
  assert.equal(String(served.rootsPem).split(ca.rootPem).length, 2);
  world.subscribe(world.rootRef('none'));
  await eventually('a file without a root is refused', () =>
    world.warnings.some((warning) => /none of 1 certificates is a root/.test(warning)),
  );
  assert.equal(world.store.peek(world.rootRef('none')), undefined);
});

test('file-root:system is what the operating system trusts', { timeout: 60_000 }, async () => {
  await using world = await FileWorld.create();
  await using other = await FileWorld.create({
    systemRootFiles: [world.at('missing'), world.at('ca-certificates.crt')],
  });
  await writeFile(world.at('real.crt'), ca.rootPem);
  // Debian's are behind links, as are Fedora's.
  await symlink('real.crt', world.at('ca-certificates.crt'));
  const listener = other.subscribe({ kind: 'file-bundle', path: 'system' });
  await eventually('they are served', () => listener.changes === 1);
  const secret = other.store.peek({ kind: 'file-bundle', path: 'system' });
  assert.equal(secret?.kind === 'file-bundle' && String(secret.rootsPem), ca.rootPem);
  assert.equal(other.store.status()[0]?.name, 'file-root:system');
});

test('the roots of this machine, where it has some, can be served', { timeout: 60_000 }, async (context) => {
  const found = await Promise.all(SYSTEM_ROOT_FILES.map((file) => readFile(file, 'utf8').catch(() => '')));
  const given = found.find((text) => text !== '');
  if (given === undefined) return context.skip('there are none');
  await using world = await FileWorld.create();
  const listener = world.subscribe({ kind: 'file-bundle', path: 'system' });
  await eventually('they are served', () => listener.changes === 1);
  const secret = world.store.peek({ kind: 'file-bundle', path: 'system' });
  const count = given.split('-----BEGIN CERTIFICATE-----').length - 1;
  assert.ok(secret?.kind === 'file-bundle');
  assert.ok(secret.rootCount > 0.9 * count, `${secret.rootCount} of ${count}`);
});

test('no more files are watched than allowed; who comes later waits until there is room', {
  timeout: 60_000,
}, async () => {
  await using world = await FileWorld.create({ mostWatched: 2 });
  for (const name of ['a', 'b', 'c', 'd']) await writeFile(world.at(name), ca.rootPem);
  const [a, , c] = ['a', 'b', 'c', 'd'].map((name) => world.subscribe(world.rootRef(name)));
  await eventually('the first two are served', () => world.store.peek(world.rootRef('b')) !== undefined);
  assert.equal(world.store.status().length, 2);
  assert.equal(world.log.events.filter(({ message }) => /too many/.test(message)).length, 1);
  // What nobody listens to makes room at once for a newcomer.
  a?.subscription[Symbol.dispose]();
  world.subscribe(world.rootRef('c'));
  await eventually('the third is served', () => c?.changes === 1);
  assert.equal(world.store.status().length, 2);
  assert.equal(world.store.peek(world.rootRef('a')), undefined);
});

test('what was never there is forgotten with its last listener, what is good a while later', {
  timeout: 60_000,
}, async () => {
  const clock = new FakeClock(NOW_MS);
  await using world = await FileWorld.create({ clock });
  await world.write(first);
  const missing = world.subscribe(world.rootRef());
  await world.untilState('wanted');
  missing.subscription[Symbol.dispose]();
  assert.deepEqual(world.store.status(), []);
  const good = world.subscribe();
  await world.untilServed(first);
  good.subscription[Symbol.dispose]();
  await clock.advance(minutes(9));
  assert.equal(world.store.status().length, 1);
  await clock.advance(minutes(2));
  assert.deepEqual(world.store.status(), []);
});

test('who asked before it runs is served when it does', { timeout: 60_000 }, async () => {
  await using world = await FileWorld.create();
  await world.write(first);
  const store = new FileSecretStore({ clock: systemClock, log: world.log, forgetAfterMs: minutes(1) });
  store.subscribe(world.pairRef, { changed: () => undefined, reauthenticate: () => undefined });
  const stop = new AbortController();
  const running = store.run(stop.signal);
  await eventually('it is served', () => store.peek(world.pairRef) !== undefined);
  stop.abort();
  await running;
});

test('when it ends no watcher is left, and nothing is watched any more', { timeout: 60_000 }, async () => {
  const watchers = (): number => process.getActiveResourcesInfo().filter((kind) => kind.startsWith('FSEvent')).length;
  await using world = await FileWorld.create();
  await world.write(first);
  world.subscribe();
  await world.untilServed(first);
  assert.ok(watchers() > 0);
  await world.stop();
  world.subscribe(world.rootRef());
  await eventually('all watchers are closed', () => watchers() === 0);
});

test('keys are in no log line, no status and nothing that is inspected', { timeout: 60_000 }, async () => {
  await using world = await FileWorld.create();
  await world.write(first);
  world.subscribe();
  await world.untilServed(first);
  await writeFile(world.at('tls.key'), second.key);
  await world.untilState('stale');
  await writeFile(world.at('tls.crt'), first.key);
  await world.untilState('stale', /there is a block of/);
  const shown = inspect([world.log.events, world.store.status(), world.store.peek(world.pairRef), world.store], {
    depth: 20,
    showHidden: true,
  });
  for (const { key } of [first, second]) {
    for (const line of key.split('\n').filter((text) => text.length > 20 && !text.startsWith('-'))) {
      assert.ok(!shown.includes(line.slice(0, 24)));
    }
  }
});
