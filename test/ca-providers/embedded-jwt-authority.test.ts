import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { decodeProtectedHeader, importPKCS8, SignJWT } from 'jose';
import type { EmbeddedJwtAuthority } from '../../src/ca-providers/embedded/embedded-jwt-authority.ts';
import { loadEmbeddedJwtAuthority } from '../../src/ca-providers/embedded/load-embedded-jwt-authority.ts';
import { AgentError } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import {
  assertInvalid,
  currentBundle,
  describeJwtAuthority,
  keysIn,
  signFor,
  WEB,
} from '../contracts/jwt-authority.ts';
import { days, FakeClock, hours, minutes, seconds } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

let base = '';
before(async () => {
  base = await mkdtemp(join(tmpdir(), 'jwt-authority-'));
});
after(() => rm(base, { recursive: true }));

/** A state directory with a clock; every `load` is another process on it. */
class World {
  readonly stateDir = join(base, crypto.randomUUID());
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();

  get file(): string {
    return join(this.stateDir, 'jwt-keys.json');
  }

  load(trustDomain = 'cluster.local'): Promise<EmbeddedJwtAuthority> {
    return loadEmbeddedJwtAuthority({ stateDir: this.stateDir, trustDomain, clock: this.clock, log: this.log });
  }
}

async function kidsIn(authority: EmbeddedJwtAuthority): Promise<(string | undefined)[]> {
  return keysIn(await currentBundle(authority)).keys.map(({ kid }) => kid);
}

async function signingKid(authority: EmbeddedJwtAuthority): Promise<string | undefined> {
  return decodeProtectedHeader((await signFor(authority)).reveal()).kid;
}

describeJwtAuthority('the embedded CA', async () => {
  const world = new World();
  return { authority: await world.load(), clock: world.clock };
});

test('the keys are in a file of their own, 0600, in a directory 0700', async () => {
  const world = new World();
  await world.load();
  assert.equal((await stat(world.stateDir)).mode & 0o777, 0o700);
  assert.equal((await stat(world.file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(world.stateDir), ['jwt-keys.json']);
});

test('a restart signs with the same key, and two processes that start at once have the same one', async () => {
  const world = new World();
  const [one, other] = await Promise.all([world.load(), world.load()]);
  const kid = await signingKid(one);
  assert.equal(await signingKid(other), kid);
  assert.equal(await signingKid(await world.load()), kid);
});

test('a key is in the bundle a day before it signs, and stays there while its tokens live', async () => {
  const world = new World();
  const authority = await world.load();
  const first = await signingKid(authority);
  await world.clock.advance(days(6) - seconds(2));
  assert.deepEqual(await kidsIn(authority), [first]);
  await world.clock.advance(seconds(3));
  const both = await kidsIn(authority);
  assert.equal(both.length, 2);
  assert.equal(await signingKid(authority), first);
  await world.clock.advance(days(1) - seconds(2));
  const last = await signFor(authority, ['reports'], hours(1));
  assert.equal(decodeProtectedHeader(last.reveal()).kid, first);
  await world.clock.advance(seconds(2));
  assert.equal(await signingKid(authority), both[1]);
  await world.clock.advance(minutes(59));
  assert.equal((await authority.validate(last, 'reports', AbortSignal.timeout(5000))).spiffeId, WEB);
  await world.clock.advance(hours(2));
  assert.deepEqual(await kidsIn(authority), [both[1]]);
});

test('a new key is pushed to who watches, and an abort leaves no sleep behind', async () => {
  const world = new World();
  const authority = await world.load();
  const stop = new AbortController();
  const seen: number[] = [];
  const watching = (async () => {
    for await (const bundle of authority.watchBundle(stop.signal)) seen.push(keysIn(bundle).keys.length);
  })();
  await until(() => seen.length === 1);
  await world.clock.advance(days(6));
  // What is written meanwhile is real I/O, which a clock of one's own does not wait for.
  await until(
    () => seen.length === 2,
    () => world.clock.advance(minutes(1)),
  );
  assert.deepEqual(seen, [1, 2]);
  stop.abort();
  await watching;
  assert.equal(world.clock.sleeping, 0);
});

test('an agent that slept for a month publishes the next key a day before it signs', async () => {
  const world = new World();
  const first = await signingKid(await world.load());
  await world.clock.advance(days(30));
  const authority = await world.load();
  assert.equal((await kidsIn(authority)).length, 2);
  await world.clock.advance(days(1) - seconds(1));
  assert.equal(await signingKid(authority), first);
  await world.clock.advance(seconds(2));
  assert.notEqual(await signingKid(authority), first);
});

test('with the clock set back to before the first key, that one signs', async () => {
  const world = new World();
  const authority = await world.load();
  const kid = await signingKid(authority);
  await world.clock.step(-days(1));
  assert.equal(await signingKid(authority), kid);
});

test('no token lives longer than an hour', async () => {
  const world = new World();
  const token = await signFor(await world.load(), ['reports'], days(1));
  const { exp, iat } = JSON.parse(Buffer.from(token.reveal().split('.')[1] ?? '', 'base64url').toString());
  assert.equal(exp - iat, 3600);
});

test('a file that goes or breaks while it runs leaves the old keys in use, and says so once a minute', async () => {
  const world = new World();
  const authority = await world.load();
  const kid = await signingKid(authority);
  await writeFile(world.file, 'broken');
  for (let second = 0; second < 59; second++) {
    await world.clock.advance(seconds(1));
    assert.equal(await signingKid(authority), kid);
  }
  assert.equal(world.log.events.filter(({ level }) => level === 'warn').length, 1);
});

describe('a file that cannot be used is refused at the start, and left alone', () => {
  const BROKEN: Readonly<Record<string, readonly [(text: string) => string, RegExp]>> = {
    'no JSON': [() => 'nonsense', /not JSON/],
    'another format': [(text) => text.replace('"format": 1', '"format": 2'), /format is not 1/],
    'no keys': [(text) => text.replace(/"keys": \[[^\]]*\]/, '"keys": []'), /holds no key/],
    'no list of keys': [(text) => text.replace(/"keys": \[[^\]]*\]/, '"keys": {}'), /keys is missing/],
    'no time': [(text) => text.replace(/"signsFromMs": \d+/, '"signsFromMs": "now"'), /signsFromMs is missing/],
    'a broken key': [(text) => text.replace('BEGIN PRIVATE', 'BEGIN'), /key cannot be read/],
  };
  for (const [what, [change, message]] of Object.entries(BROKEN)) {
    test(what, async () => {
      const world = new World();
      await world.load();
      const changed = change(await readFile(world.file, 'utf8'));
      await writeFile(world.file, changed);
      await assertRefused(world, message);
      assert.equal(await readFile(world.file, 'utf8'), changed);
    });
  }

  test('one that others can read', async () => {
    const world = new World();
    await world.load();
    await chmod(world.file, 0o644);
    await assertRefused(world, /chmod 600/);
  });

  test('one of another trust domain', async () => {
    const world = new World();
    await world.load('example.org');
    await assertRefused(world, /trust domain "example.org"/);
  });
});

/** Signed with the real key, so that only the claim can be what is refused. */
const CLAIMS: Readonly<Record<string, readonly [object, RegExp]>> = {
  'no audience': [{ aud: undefined }, /audience/],
  'no expiry': [{ exp: undefined }, /no expiry/],
  'an expiry that is text': [{ exp: '9999999999' }, /no expiry/],
  'a time from which on it is valid that has not come': [{ nbf: 9_999_999_999 }, /not valid yet/],
  'no subject': [{ sub: undefined }, /subject/],
  'a subject of another trust domain': [{ sub: 'spiffe://example.org/ns/shop/sa/web' }, /subject/],
  'a subject that is no SPIFFE ID': [{ sub: 'web' }, /subject/],
};
for (const [what, [members, message]] of Object.entries(CLAIMS)) {
  test(`a token with ${what} is refused though its signature is right`, async () => {
    const world = new World();
    const authority = await world.load();
    await assertInvalid(authority, await signedClaims(world, authority, members), 'reports', message);
  });
}

for (const [typ, good] of Object.entries({ JWT: true, JOSE: true, 'at+jwt': false })) {
  test(`a token of the type ${typ} is ${good ? 'accepted' : 'refused'}`, async () => {
    const world = new World();
    const authority = await world.load();
    const token = await signedClaims(world, authority, {}, { typ });
    if (good) await authority.validate(token, 'reports', AbortSignal.timeout(5000));
    else await assertInvalid(authority, token, 'reports', /type/);
  });
}

test('a token without a kid is verified with every key', async () => {
  const world = new World();
  const authority = await world.load();
  await authority.validate(
    await signedClaims(world, authority, {}, { kid: undefined }),
    'reports',
    AbortSignal.timeout(5000),
  );
});

async function signedClaims(
  world: World,
  authority: EmbeddedJwtAuthority,
  members: object,
  header: { typ?: string; kid?: undefined } = {},
): Promise<Redacted<string>> {
  const { keys } = JSON.parse(await readFile(world.file, 'utf8'));
  const key = await importPKCS8(keys[0].key, 'ES256');
  const kid = 'kid' in header ? {} : { kid: (await signingKid(authority)) ?? '' };
  const exp = Math.floor(world.clock.now() / 1000) + 60;
  const claims = { sub: WEB, aud: 'reports', exp, ...members };
  const { typ = 'JWT' } = header;
  return new Redacted(await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ, ...kid }).sign(key));
}

async function assertRefused(world: World, message: RegExp): Promise<void> {
  await assert.rejects(world.load(), (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.code, 'ca-state-broken');
    assert.match(error.message, message);
    assert.ok(error.message.includes(world.stateDir), error.message);
    assert.doesNotMatch(inspect(error, { depth: 10 }), /PRIVATE KEY|MIGH/);
    return true;
  });
}

/** Resolves once it is true; fails after ten seconds. */
async function until(isTrue: () => boolean, nudge: () => Promise<void> = async () => {}): Promise<void> {
  const giveUpMs = performance.now() + 10_000;
  while (!isTrue()) {
    assert.ok(performance.now() < giveUpMs, 'waited in vain');
    await nudge();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
