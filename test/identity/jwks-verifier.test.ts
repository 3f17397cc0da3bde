import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Redacted } from '../../src/core/redacted.ts';
import { createJwksVerifier } from '../../src/identity/jwks-verifier.ts';
import { describeTokenVerifier } from '../contracts/token-verifier.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { AUDIENCE, goodClaims, ISSUER, keySetOf, TokenForge } from './token-forge.ts';

const { signal } = new AbortController();
const EXPECTED = { trustDomain: 'cluster.local', audiences: [AUDIENCE], issuer: ISSUER };

const root = await mkdtemp(join(tmpdir(), 'jwks-'));
after(() => rm(root, { recursive: true }));
let made = 0;

function freshPath(): string {
  made++;
  return join(root, `jwks-${made}.json`);
}

async function verifierOf(keySet: string) {
  const path = freshPath();
  await writeFile(path, keySet);
  const clock = new FakeClock();
  const log = new RecordingLog();
  const verifier = createJwksVerifier({
    jwks: { kind: 'file', path },
    expected: EXPECTED,
    clock,
    log,
    lifetime: signal,
  });
  return { verifier, clock, log, path };
}

describeTokenVerifier('the verifier of a key set', async () => {
  const forge = new TokenForge();
  const { verifier, clock } = await verifierOf(keySetOf(forge));
  const sign = forge.sign.bind(forge);
  return { verifier, clock, issuer: ISSUER, sign, publicKeyText: forge.publicPem };
});

for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
  test(`a token signed with ${alg} is accepted, and with a bit turned over it is not`, async () => {
    const forge = new TokenForge(alg);
    const { verifier, clock } = await verifierOf(keySetOf(forge));
    const token = forge.sign(goodClaims(clock.now()));
    await verifier.verify(new Redacted(token), signal);
    const at = token.lastIndexOf('.') + 10;
    const turned = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    await assert.rejects(verifier.verify(new Redacted(turned), signal), { code: 'token-rejected' });
  });
}

test('an issuer may be left open, then any whose keys are in the set is good', async () => {
  const forge = new TokenForge();
  const path = freshPath();
  await writeFile(path, keySetOf(forge));
  const clock = new FakeClock();
  const expected = { trustDomain: 'cluster.local', audiences: ['vault', AUDIENCE] };
  const log = new RecordingLog();
  const verifier = createJwksVerifier({ jwks: { kind: 'file', path }, expected, clock, log, lifetime: signal });
  const claims = goodClaims(clock.now(), { iss: 'https://whoever', aud: AUDIENCE });
  await verifier.verify(new Redacted(forge.sign(claims)), signal);
});

test('a token without key id is tried with each key of its kind', async () => {
  const forges = [new TokenForge('ES256', 'a'), new TokenForge('RS256', 'b'), new TokenForge('ES256', 'c')];
  const { verifier, clock } = await verifierOf(keySetOf(...forges));
  for (const forge of forges) {
    await verifier.verify(new Redacted(forge.sign(goodClaims(clock.now()), { kid: undefined })), signal);
  }
});

test('a published private key is used by its public half', async () => {
  const forge = new TokenForge();
  const { verifier, clock } = await verifierOf(JSON.stringify({ keys: [forge.privateJwk] }));
  await verifier.verify(new Redacted(forge.sign(goodClaims(clock.now()))), signal);
});

for (const [what, change] of [
  ['for encryption', { use: 'enc' }],
  ['for another algorithm', { alg: 'ES512' }],
  ['of a symmetric kind', { kty: 'oct', k: 'c2VjcmV0' }],
  ['off its curve', { x: 'AAAA' }],
] as const) {
  test(`a key that is ${what} verifies nothing, and the others of the set still do`, async () => {
    const [bad, good] = [new TokenForge('ES256', 'bad'), new TokenForge('ES256', 'good')];
    const keys = [{ ...bad.jwk, ...change }, good.jwk, { nonsense: true }, null];
    const { verifier, clock } = await verifierOf(JSON.stringify({ keys }));
    await assert.rejects(verifier.verify(new Redacted(bad.sign(goodClaims(clock.now()))), signal), {
      code: 'token-rejected',
    });
    await verifier.verify(new Redacted(good.sign(goodClaims(clock.now()))), signal);
  });
}

test('an RSA key that is too short verifies nothing', async () => {
  const forge = new TokenForge('RS256', 'short', 1024);
  const { verifier, clock } = await verifierOf(keySetOf(forge));
  await assert.rejects(verifier.verify(new Redacted(forge.sign(goodClaims(clock.now()))), signal), {
    code: 'token-rejected',
    message: /signature cannot be verified/,
  });
});

test('a replaced file counts at once: new keys are accepted, those that are gone are not', async () => {
  const [old, young] = [new TokenForge('ES256', 'old'), new TokenForge('ES256', 'young')];
  const { verifier, clock, path } = await verifierOf(keySetOf(old));
  await verifier.verify(new Redacted(old.sign(goodClaims(clock.now()))), signal);
  await writeFile(`${path}.new`, keySetOf(young));
  await rename(`${path}.new`, path);
  await verifier.verify(new Redacted(young.sign(goodClaims(clock.now()))), signal);
  await assert.rejects(verifier.verify(new Redacted(old.sign(goodClaims(clock.now()))), signal), {
    code: 'token-rejected',
    message: /unknown key/,
  });
});

for (const [what, content] of [
  ['half-written', '{"keys": ['],
  ['of another kind', '[]'],
  ['without keys', '{"key": []}'],
] as const) {
  test(`while the file is ${what}, the last good keys count, and an unknown key is not refused for good`, async () => {
    const [forge, stranger] = [new TokenForge(), new TokenForge('ES256', 'stranger')];
    const { verifier, clock, log, path } = await verifierOf(keySetOf(forge));
    const token = new Redacted(forge.sign(goodClaims(clock.now())));
    await verifier.verify(token, signal);
    await writeFile(path, content);
    await verifier.verify(token, signal);
    await assert.rejects(verifier.verify(new Redacted(stranger.sign(goodClaims(clock.now()))), signal), {
      code: 'token-verifier-unavailable',
    });
    assert.equal(log.events.length, 1, 'told once, not for each token');
    await writeFile(path, keySetOf(forge, stranger));
    await verifier.verify(new Redacted(stranger.sign(goodClaims(clock.now()))), signal);
  });
}

test('a missing file makes the verifier unavailable until it is there', async () => {
  const forge = new TokenForge();
  const { verifier, clock, path } = await verifierOf('');
  await rm(path);
  const token = new Redacted(forge.sign(goodClaims(clock.now())));
  await assert.rejects(verifier.verify(token, signal), { code: 'token-verifier-unavailable' });
  await clock.advance(seconds(2));
  await assert.rejects(verifier.verify(token, signal), { code: 'token-verifier-unavailable' });
  await writeFile(path, keySetOf(forge));
  await verifier.verify(token, signal);
});

test('a caller who has gone is told so', async () => {
  const forge = new TokenForge();
  const { verifier, clock } = await verifierOf(keySetOf(forge));
  const token = new Redacted(forge.sign(goodClaims(clock.now())));
  await assert.rejects(verifier.verify(token, AbortSignal.abort()), { code: 'request-cancelled' });
});
