import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { EmbeddedProvider } from '../../src/ca-providers/embedded/embedded-provider.ts';
import { loadEmbeddedProvider } from '../../src/ca-providers/embedded/load-embedded-provider.ts';
import type { SignRequest } from '../../src/core/ca-provider.ts';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair, type KeyPair } from '../../src/keys/key-pair.ts';
import { verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { describeCaProvider } from '../contracts/ca-provider.ts';
import { days, FakeClock, hours, minutes, seconds } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const { signal } = new AbortController();
const spiffeId = serviceAccountId('cluster.local', 'shop', 'web');
let base = '';
before(async () => {
  base = await mkdtemp(join(tmpdir(), 'embedded-provider-'));
});
after(() => rm(base, { recursive: true }));

let directories = 0;
const newStateDir = (): string => join(base, `state-${++directories}`);

function load(stateDir: string, clock: FakeClock, log = new RecordingLog()): Promise<EmbeddedProvider> {
  return loadEmbeddedProvider({ stateDir, trustDomain: 'cluster.local', clock, log });
}

async function newRequest(ttlMs: number, spec: KeySpec = { algorithm: 'ecdsa', curve: 'P256' }) {
  const keyPair = await createKeyPair(spec);
  const request: SignRequest = { id: spiffeId, csr: createCsr(keyPair, spiffeId), ttlMs, token: new Redacted('token') };
  return { keyPair, request };
}

async function issue(provider: EmbeddedProvider, clock: FakeClock, ttlMs = hours(1)) {
  const { keyPair, request } = await newRequest(ttlMs);
  const { signal } = new AbortController();
  const chain = await provider.sign(request, signal);
  return { keyPair, chain, verified: verify(chain, await provider.roots(signal), keyPair, clock) };
}

function verify(
  chain: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  { publicKeyDer }: KeyPair,
  clock: FakeClock,
) {
  return verifyIssuance({ chain, roots, spiffeId, publicKeyDer, nowMs: clock.now() });
}

describeCaProvider(
  'EmbeddedProvider',
  async () => {
    const clock = new FakeClock();
    const provider = await load(newStateDir(), clock);
    const changeRoot = async (): Promise<void> => {
      await provider.stageRoot(signal);
      await provider.switchRoot(signal);
    };
    return { provider, clock, changeRoot };
  },
  { changeRoot: true },
);

test('a restart finds the same root and intermediate', async () => {
  const clock = new FakeClock();
  const stateDir = newStateDir();
  const first = await load(stateDir, clock);
  const second = await load(stateDir, clock);
  assert.deepEqual(await second.roots(signal), await first.roots(signal));
  const { chain } = await issue(second, clock);
  assert.deepEqual(chain[1], (await issue(first, clock)).chain[1]);
});

test('ten processes that start at once end with one CA', async () => {
  const clock = new FakeClock();
  const stateDir = newStateDir();
  const providers = await Promise.all(Array.from({ length: 10 }, () => load(stateDir, clock)));
  const roots = await Promise.all(providers.map((provider) => provider.roots(new AbortController().signal)));
  for (const other of roots) assert.deepEqual(other, roots[0]);
});

describe('a leaf', () => {
  const table = [
    { ttlMs: hours(24), backMs: minutes(1) },
    { ttlMs: minutes(5), backMs: seconds(30) },
    { ttlMs: seconds(20), backMs: seconds(2) },
  ];
  for (const { ttlMs, backMs } of table) {
    test(`that is to live ${ttlMs / 1000} s is valid since ${backMs / 1000} s`, async () => {
      const clock = new FakeClock();
      const { verified } = await issue(await load(newStateDir(), clock), clock, ttlMs);
      assert.equal(verified.notBeforeMs, clock.now() - backMs);
      assert.equal(verified.notAfterMs, clock.now() + ttlMs);
    });
  }

  test('does not outlive its intermediate', async () => {
    const clock = new FakeClock();
    const { chain, verified } = await issue(await load(newStateDir(), clock), clock, days(5000));
    assert.equal(verified.notAfterMs, parseCertificate(chain[1] ?? new Uint8Array()).notAfterMs);
    assert.equal(verified.notAfterMs, clock.now() + days(365));
  });

  test('has digitalSignature, and keyEncipherment as well for RSA', async () => {
    const clock = new FakeClock();
    const provider = await load(newStateDir(), clock);
    for (const [spec, usages] of [
      [{ algorithm: 'ecdsa', curve: 'P256' }, ['digitalSignature']],
      [{ algorithm: 'rsa', bits: 2048 }, ['digitalSignature', 'keyEncipherment']],
    ] as const) {
      const { request } = await newRequest(hours(1), spec);
      const [leaf = new Uint8Array()] = await provider.sign(request, signal);
      assert.deepEqual(parseCertificate(leaf).keyUsage, usages);
    }
  });

  test('is refused for a weak RSA key, naming what is enough', async () => {
    const provider = await load(newStateDir(), new FakeClock());
    const { request } = await newRequest(hours(1), { algorithm: 'rsa', bits: 1024 });
    await assert.rejects(provider.sign(request, signal), { code: 'ca-request-refused', message: /1024 bits.*2048/ });
  });

  test('is refused for a lifetime that is none', async () => {
    const provider = await load(newStateDir(), new FakeClock());
    for (const ttlMs of [0, -1, Number.NaN]) {
      const { request } = await newRequest(ttlMs);
      await assert.rejects(provider.sign(request, signal), { code: 'ca-request-refused' });
    }
  });
});

describe('the intermediate', () => {
  test('signs no further CAs and lives a year, the root ten', async () => {
    const clock = new FakeClock();
    const provider = await load(newStateDir(), clock);
    const intermediate = parseCertificate((await issue(provider, clock)).chain[1] ?? new Uint8Array());
    assert.equal(intermediate.pathLength, 0);
    assert.equal(intermediate.notAfterMs, clock.now() + days(365));
    const [root = new Uint8Array()] = await provider.roots(signal);
    assert.equal(parseCertificate(root).notAfterMs, clock.now() + days(3650));
  });

  test('is renewed at half of its life, once, while what it signed stays good', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    const provider = await load(stateDir, clock);
    const before = await issue(provider, clock, days(300));
    await clock.advance(days(183));
    const answers = await Promise.all(Array.from({ length: 20 }, () => issue(provider, clock)));
    const intermediates = new Set(answers.map(({ chain }) => Buffer.from(chain[1] ?? []).toString('hex')));
    assert.equal(intermediates.size, 1);
    assert.ok(!intermediates.has(Buffer.from(before.chain[1] ?? []).toString('hex')));
    verify(before.chain, await provider.roots(signal), before.keyPair, clock);
    const again = await issue(await load(stateDir, clock), clock);
    assert.ok(intermediates.has(Buffer.from(again.chain[1] ?? []).toString('hex')), 'the new one was not kept');
  });

  test('that expired while the agent was off is renewed at the start', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    await load(stateDir, clock);
    await clock.advance(days(800));
    const { verified } = await issue(await load(stateDir, clock), clock);
    assert.equal(verified.notAfterMs, clock.now() + hours(1));
  });

  test('keeps signing when its renewal cannot be kept, says so, and tries again later', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    const log = new RecordingLog();
    const provider = await load(stateDir, clock, log);
    await clock.advance(days(200));
    await rm(stateDir, { recursive: true });
    for (let i = 0; i < 5; i++) await issue(provider, clock);
    const failures = () => log.events.filter(({ message }) => /could not renew/.test(message)).length;
    assert.equal(failures(), 1);
    await clock.advance(minutes(10));
    await issue(provider, clock);
    assert.equal(failures(), 2);
  });

  test('ends with the root, and then signing is refused', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    await load(stateDir, clock);
    await clock.advance(days(3649));
    const provider = await load(stateDir, clock);
    const { verified } = await issue(provider, clock, days(30));
    assert.equal(verified.notAfterMs, clock.now() + days(1));
    await clock.advance(days(1));
    const { request } = await newRequest(hours(1));
    await assert.rejects(provider.sign(request, signal), {
      code: 'ca-state-broken',
      message: /has expired.*rotate --root/,
    });
  });
});

describe('root rotation', () => {
  test('goes staged, switched, single; at each stage a restart goes on, and old leaves verify until the end', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    const first = await load(stateDir, clock);
    const old = await issue(first, clock);
    const [oldRoot] = await first.roots(signal);

    await first.stageRoot(signal);
    const staged = await load(stateDir, clock);
    assert.equal(staged.rootStage, 'staged');
    const stagedRoots = await staged.roots(signal);
    assert.equal(stagedRoots.length, 2);
    const whileStaged = await issue(staged, clock);
    verify(whileStaged.chain, [oldRoot ?? new Uint8Array()], whileStaged.keyPair, clock);

    await staged.switchRoot(signal);
    const switched = await load(stateDir, clock);
    assert.equal(switched.rootStage, 'switched');
    assert.deepEqual(new Set(await switched.roots(signal)), new Set(stagedRoots));
    const newRoots = stagedRoots.filter((der) => der !== stagedRoots[0]);
    const whileSwitched = await issue(switched, clock);
    verify(whileSwitched.chain, newRoots, whileSwitched.keyPair, clock);
    verify(old.chain, await switched.roots(signal), old.keyPair, clock);

    await switched.retireRoot(signal);
    const single = await load(stateDir, clock);
    assert.equal(single.rootStage, 'single');
    assert.deepEqual(await single.roots(signal), newRoots);
    assert.throws(() => verify(old.chain, newRoots, old.keyPair, clock), /does not reach/);
  });

  test('refuses a step from the wrong stage and says which is right', async () => {
    const provider = await load(newStateDir(), new FakeClock());
    await assert.rejects(provider.switchRoot(signal), {
      code: 'ca-request-refused',
      message: /is single.*from staged/,
    });
    await assert.rejects(provider.retireRoot(signal), {
      code: 'ca-request-refused',
      message: /is single.*from switched/,
    });
    await provider.stageRoot(signal);
    await assert.rejects(provider.stageRoot(signal), { code: 'ca-request-refused', message: /is staged.*from single/ });
  });

  test('shows watchers each change of the roots, also those that happened while they worked', async () => {
    const provider = await load(newStateDir(), new FakeClock());
    const controller = new AbortController();
    const seen: number[] = [];
    const watcher = (async () => {
      for await (const roots of provider.watchRoots(controller.signal)) seen.push(roots.length);
    })();
    await provider.stageRoot(signal);
    await provider.switchRoot(signal);
    await provider.retireRoot(signal);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await watcher;
    assert.deepEqual(seen, [2, 1]);
  });

  test('by one process and a renewal by another do not undo each other', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    const rotating = await load(stateDir, clock);
    const renewing = await load(stateDir, clock);
    await rotating.stageRoot(signal);
    await clock.advance(days(200));
    await issue(renewing, clock);
    assert.equal(renewing.rootStage, 'staged');
    assert.deepEqual(await renewing.roots(signal), await rotating.roots(signal));
    assert.equal((await load(stateDir, clock)).rootStage, 'staged');
  });

  test('by one process is followed by another within a second, also in what it signs', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    const rotating = await load(stateDir, clock);
    const following = await load(stateDir, clock);
    await issue(following, clock);
    for (const step of ['stageRoot', 'switchRoot', 'retireRoot'] as const) {
      await rotating[step](signal);
      await clock.advance(seconds(1));
      const { chain, keyPair } = await issue(following, clock);
      verify(chain, await rotating.roots(signal), keyPair, clock);
      assert.deepEqual(await following.roots(signal), await rotating.roots(signal));
      assert.equal(following.rootStage, rotating.rootStage);
    }
  });

  test('is told to watchers when another process does it and somebody asks for the roots', async () => {
    const clock = new FakeClock();
    const stateDir = newStateDir();
    const rotating = await load(stateDir, clock);
    const following = await load(stateDir, clock);
    const controller = new AbortController();
    const next = following.watchRoots(controller.signal)[Symbol.asyncIterator]().next();
    await rotating.stageRoot(signal);
    await following.roots(signal);
    assert.equal((await next).value?.length, 2);
    controller.abort();
  });
});

test('without its file the CA goes on with what it remembers, says so once a minute, and follows it when it is back', async () => {
  const clock = new FakeClock();
  const stateDir = newStateDir();
  const log = new RecordingLog();
  const provider = await load(stateDir, clock, log);
  const file = join(stateDir, 'ca.json');
  const content = await readFile(file, 'utf8');
  await rm(file);
  const told = () => log.events.filter(({ level }) => level === 'warn').length;
  for (let second = 0; second < 59; second++) {
    await issue(provider, clock);
    await clock.advance(seconds(1));
  }
  assert.equal(told(), 1);
  await writeFile(file, content, { mode: 0o600 });
  await (await load(stateDir, clock)).stageRoot(signal);
  await clock.advance(seconds(1));
  assert.equal((await provider.roots(signal)).length, 2);
  assert.equal(told(), 1);
});
