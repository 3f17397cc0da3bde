import assert from 'node:assert/strict';
import { createPrivateKey, sign as signBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Redacted } from '../../src/core/redacted.ts';
import { loadDevelopmentIssuer } from '../../src/identity/development-issuer.ts';
import { createJwksVerifier } from '../../src/identity/jwks-verifier.ts';
import { assertUntold, describeTokenVerifier, errorOf } from '../contracts/token-verifier.ts';
import { FakeClock, hours } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const { signal } = new AbortController();
const REQUEST = {
  namespace: 'shop',
  serviceAccount: 'web',
  pod: 'web-1',
  audiences: ['istio-ca'],
  ttlMs: hours(1),
} as const;

const root = await mkdtemp(join(tmpdir(), 'development-issuer-'));
after(() => rm(root, { recursive: true }));
let made = 0;

function freshDirectory(): string {
  made++;
  return join(root, `state-${made}`);
}

function load(stateDir: string, clock = new FakeClock()) {
  return loadDevelopmentIssuer({ stateDir, trustDomain: 'cluster.local', clock });
}

describeTokenVerifier('the verifier of the development issuer', async () => {
  const stateDir = freshDirectory();
  const clock = new FakeClock();
  const issuer = await load(stateDir, clock);
  const jwk = JSON.parse(await readFile(join(stateDir, 'development-issuer.json'), 'utf8'));
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const [{ kid }] = JSON.parse(issuer.jwks).keys;
  const { d, ...publicJwk } = jwk;
  assert.ok(d);
  return {
    verifier: issuer.verifier(['istio-ca']),
    clock,
    issuer: issuer.issuer,
    publicKeyText: JSON.stringify(publicJwk),
    sign: (claims, header = {}) => {
      const input = [{ alg: 'ES256', kid, ...header }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');
      const signature = signBytes('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
  };
});

test('a minted token has the claims of a projected service-account token', async () => {
  const clock = new FakeClock();
  const token = (await (await load(freshDirectory(), clock)).mint(REQUEST)).reveal();
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const now = clock.now() / 1000;
  const { jti, 'kubernetes.io': kubernetes, ...others } = claims;
  assert.match(jti, /^[0-9a-f-]{36}$/);
  assert.equal(kubernetes.namespace, 'shop');
  assert.equal(kubernetes.serviceaccount.name, 'web');
  assert.equal(kubernetes.pod.name, 'web-1');
  assert.deepEqual(others, {
    iss: 'urn:sds-node-agent:development',
    sub: 'system:serviceaccount:shop:web',
    aud: ['istio-ca'],
    exp: now + 3600,
    iat: now,
    nbf: now,
  });
});

test('the pod UID depends on the pod alone', async () => {
  const issuer = await load(freshDirectory());
  const uidOf = async (pod: string): Promise<string | undefined> => {
    const token = await issuer.mint({ ...REQUEST, pod });
    return (await issuer.verifier(['istio-ca']).verify(token, signal)).podUid;
  };
  assert.equal(await uidOf('web-1'), await uidOf('web-1'));
  assert.notEqual(await uidOf('web-1'), await uidOf('web-2'));
});

test('whoever starts first makes the key, everybody else finds it', async () => {
  for (let round = 0; round < 10; round++) {
    const stateDir = freshDirectory();
    const loading = [];
    // A little after one another, so that some find the file being made and others find it made.
    for (let starter = 0; starter < 16; starter++) {
      loading.push(load(stateDir));
      await setImmediate();
    }
    const issuers = await Promise.all(loading);
    assert.equal(new Set(issuers.map(({ jwks }) => jwks)).size, 1);
    assert.deepEqual(await readdir(stateDir), ['development-issuer.json']);
    const token = await (await load(stateDir)).mint(REQUEST);
    for (const issuer of issuers) await issuer.verifier(['istio-ca']).verify(token, signal);
  }
});

test('the key is for its owner alone', async () => {
  const stateDir = freshDirectory();
  await load(stateDir);
  assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
  assert.equal((await stat(join(stateDir, 'development-issuer.json'))).mode & 0o777, 0o600);
});

test('its public keys let another verifier accept its tokens', async () => {
  const stateDir = freshDirectory();
  const clock = new FakeClock();
  const issuer = await load(stateDir, clock);
  assert.ok(!issuer.jwks.includes('"d"'));
  const path = join(stateDir, 'jwks.json');
  await writeFile(path, issuer.jwks);
  const expected = { trustDomain: 'cluster.local', audiences: ['istio-ca'], issuer: issuer.issuer };
  const log = new RecordingLog();
  const verifier = createJwksVerifier({ jwks: { kind: 'file', path }, expected, clock, log, lifetime: signal });
  await verifier.verify(await issuer.mint(REQUEST), signal);
});

for (const [what, content] of [
  ['empty', ''],
  ['half-written', '{"kty":"EC","x":"secret-loo'],
  ['without private member', '{"kty":"EC","crv":"P-256","x":"a","y":"b"}'],
  ['for another curve', '{"kty":"EC","crv":"P-521","x":"a","y":"b","d":"secret-looking"}'],
  ['not on the curve', '{"kty":"EC","crv":"P-256","x":"AAAA","y":"BBBB","d":"secret-looking"}'],
] as const) {
  test(`a key file that is ${what} is a clear error, and is left as it is`, async () => {
    const stateDir = freshDirectory();
    const path = join(stateDir, 'development-issuer.json');
    await mkdir(stateDir, { mode: 0o700 });
    await writeFile(path, content, { mode: 0o600 });
    const thrown = await errorOf(load(stateDir));
    assert.equal(Reflect.get(Object(thrown), 'code'), 'token-verifier-unavailable');
    assert.match(String(thrown), /development-issuer\.json" is not usable: it is broken/);
    assertUntold(thrown, 'secret-looking.secret-loo');
    assert.equal(await readFile(path, 'utf8'), content);
  });
}

test('a key file that others can read is not used', async () => {
  const stateDir = freshDirectory();
  await load(stateDir);
  await chmod(join(stateDir, 'development-issuer.json'), 0o640);
  await assert.rejects(load(stateDir), { code: 'token-verifier-unavailable', message: /others can read it/ });
});

test('a state directory that cannot be made is a clear error', async () => {
  await assert.rejects(load('/dev/null/state'), { code: 'token-verifier-unavailable', message: /check STATE_DIR/ });
});

test('tokens of another issuer with the same name are refused', async () => {
  const [ours, theirs] = [await load(freshDirectory()), await load(freshDirectory())];
  const token = await theirs.mint(REQUEST);
  await assert.rejects(ours.verifier(['istio-ca']).verify(token, signal), { code: 'token-rejected' });
});

for (const [namespace, serviceAccount] of [
  ['a/sa/b', 'c'],
  ['..', 'web'],
  ['shop', ''],
  ['shop', 'web\n'],
] as const) {
  test(`no token is minted for ${JSON.stringify(`${namespace}:${serviceAccount}`)}`, async () => {
    const issuer = await load(freshDirectory());
    await assert.rejects(issuer.mint({ ...REQUEST, namespace, serviceAccount }), { code: 'request-invalid' });
  });
}

test('a minted token prints as redacted', async () => {
  const token = await (await load(freshDirectory())).mint(REQUEST);
  assert.ok(token instanceof Redacted);
  assert.equal(`${token}`, '[redacted]');
});
