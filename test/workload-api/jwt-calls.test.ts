import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import {
  JWTSVIDRequest,
  JWTSVIDResponse,
  ValidateJWTSVIDRequest,
  ValidateJWTSVIDResponse,
} from '../../src/gen/spiffe/workload.ts';
import { minutes } from '../fakes/fake-clock.ts';
import { WEB, WorkloadWorld } from './workload-world.ts';

const ADMIN = 'spiffe://cluster.local/ns/shop/sa/admin';

async function fetchSvid(world: WorkloadWorld, audience: string[], spiffeId = ''): Promise<JWTSVIDResponse> {
  return JWTSVIDResponse.decode(
    await world.unary('FetchJWTSVID', JWTSVIDRequest.encode({ audience, spiffeId }).finish()),
  );
}

async function validate(world: WorkloadWorld, audience: string, svid: string): Promise<ValidateJWTSVIDResponse> {
  const request = ValidateJWTSVIDRequest.encode({ audience, svid }).finish();
  return ValidateJWTSVIDResponse.decode(await world.unary('ValidateJWTSVID', request));
}

for (const spiffeId of ['', WEB]) {
  test(`who asks for ${spiffeId === '' ? 'no SPIFFE ID' : 'its own SPIFFE ID'} gets its own JWT-SVID`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    const { svids } = await fetchSvid(world, ['reports', 'billing', 'reports'], spiffeId);
    const [svid, ...more] = svids;
    assert.ok(svid);
    assert.deepEqual(more, []);
    const { sub, aud, exp = 0, iat = 0 } = decodeJwt(svid.svid);
    assert.deepEqual({ sub, aud, life: exp - iat }, { sub: WEB, aud: ['reports', 'billing'], life: 300 });
    assert.deepEqual({ spiffeId: svid.spiffeId, hint: svid.hint }, { spiffeId: WEB, hint: '' });
    assert.deepEqual(world.results, ['FetchJWTSVID ok']);
  });
}

for (const other of [ADMIN, `${WEB}/`, WEB.toUpperCase(), ` ${WEB}`, 'spiffe://cluster.local', 'web', `${WEB}\0`]) {
  test(`a JWT-SVID of ${JSON.stringify(other)} is denied`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    await assert.rejects(fetchSvid(world, ['reports'], other), { code: 'identity-denied' });
    assert.deepEqual(world.refusals, ['identity-denied']);
  });
}

const AUDIENCES: Readonly<Record<string, readonly [string[], RegExp]>> = {
  none: [[], /names no audience/],
  'an empty one': [['reports', ''], /from 1 to 2048/],
  'one that is too long': [['a'.repeat(2049)], /from 1 to 2048/],
  seventeen: [Array.from({ length: 17 }, (_, index) => `a${index}`), /17 audiences: name at most 16/],
  'ten thousand': [Array.from({ length: 10_000 }, (_, index) => `a${index}`), /10000 audiences/],
};
for (const [what, [audience, message]] of Object.entries(AUDIENCES)) {
  test(`${what} for an audience list is an invalid argument`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    await assert.rejects(fetchSvid(world, audience), { code: 'request-invalid', message });
  });
}

test('sixteen audiences of the longest kind are taken', async () => {
  await using world = await WorkloadWorld.create({ jwt: true });
  const audience = Array.from({ length: 16 }, (_, index) => String(index).padEnd(2048, 'x'));
  const { svids } = await fetchSvid(world, audience);
  assert.deepEqual(decodeJwt(svids[0]?.svid ?? '').aud, audience);
});

test('a JWT-SVID is validated for its audience, with all of its claims', async () => {
  await using world = await WorkloadWorld.create({ jwt: true });
  const [svid] = (await fetchSvid(world, ['reports'])).svids;
  const { spiffeId, claims } = await validate(world, 'reports', svid?.svid ?? '');
  assert.equal(spiffeId, WEB);
  assert.deepEqual(claims, decodeJwt(svid?.svid ?? ''));
});

const INVALID: Readonly<Record<string, (svid: string) => readonly [string, string]>> = {
  'another audience': (svid) => ['billing', svid],
  'no audience': (svid) => ['', svid],
  'no token': () => ['reports', ''],
  'what is no token': () => ['reports', 'x'.repeat(100)],
  'a token that is too long': (svid) => ['reports', svid.padEnd(16 * 1024 + 1, 'x')],
};
for (const [what, change] of Object.entries(INVALID)) {
  test(`validating with ${what} is an invalid argument`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    const [svid] = (await fetchSvid(world, ['reports'])).svids;
    const [audience, token] = change(svid?.svid ?? '');
    await assert.rejects(validate(world, audience, token), { code: 'request-invalid' });
  });
}

test('an expired JWT-SVID is an invalid argument', async () => {
  await using world = await WorkloadWorld.create({ jwt: true });
  const [svid] = (await fetchSvid(world, ['reports'])).svids;
  await world.clock.advance(minutes(5));
  await assert.rejects(validate(world, 'reports', svid?.svid ?? ''), { code: 'request-invalid', message: /expired/ });
});

for (const method of ['FetchJWTSVID', 'ValidateJWTSVID']) {
  test(`what is no message is an invalid argument of ${method}`, async () => {
    await using world = await WorkloadWorld.create({ jwt: true });
    await assert.rejects(world.unary(method, Buffer.from([0xff])), { code: 'request-invalid' });
  });
}
