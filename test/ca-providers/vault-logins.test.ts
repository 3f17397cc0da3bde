import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VaultClient } from '../../src/ca-providers/vault/vault-client.ts';
import { VaultLogins } from '../../src/ca-providers/vault/vault-logins.ts';
import { parseVaultOptions } from '../../src/ca-providers/vault/vault-options.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { seconds } from '../fakes/fake-clock.ts';
import { eventually } from '../transport/eventually.ts';
import { API, never, VaultWorld, WEB } from './vault-world.ts';

test('a caller logs in once for as long as the lease lasts, and again shortly before its end', async (t) => {
  const world = await VaultWorld.start(t);
  world.server.leaseSeconds = 600;
  const token = world.server.token(WEB);
  await world.issue(WEB, token);
  await world.clock.advance(seconds(569));
  await world.issue(WEB, token);
  assert.equal(world.server.count('login'), 1);
  await world.clock.advance(seconds(2));
  await world.issue(WEB, token);
  assert.equal(world.server.count('login'), 2);
});

test('a lease of seconds is used as well', async (t) => {
  const world = await VaultWorld.start(t);
  world.server.leaseSeconds = 10;
  const token = world.server.token(WEB);
  await world.issue(WEB, token);
  await world.clock.advance(seconds(8));
  await world.issue(WEB, token);
  assert.equal(world.server.count('login'), 1);
  await world.clock.advance(seconds(2));
  await world.issue(WEB, token);
  assert.equal(world.server.count('login'), 2);
});

for (const [what, auth] of [
  ['without a lease', { lease_duration: 0 }],
  ['for one use', { lease_duration: 600, num_uses: 1 }],
] as const) {
  test(`a login ${what} is not kept`, async (t) => {
    const world = await VaultWorld.start(t);
    const token = world.server.token(WEB);
    world.server.shapeLogin = (answer) => ({ ...answer, ...auth });
    await world.issue(WEB, token);
    await world.issue(WEB, token);
    assert.equal(world.server.count('login'), 2);
  });
}

test('two tokens of one workload have a login each', async (t) => {
  const world = await VaultWorld.start(t);
  await world.issue(WEB);
  await world.issue(WEB);
  assert.equal(world.server.count('login'), 2);
});

test('a login that was revoked is replaced at once, and the certificate signed', async (t) => {
  const world = await VaultWorld.start(t);
  const token = world.server.token(WEB);
  await world.issue(WEB, token);
  world.server.revokeLogins();
  await world.issue(WEB, token);
  assert.equal(world.server.count('login'), 2);
  await world.issue(WEB, token);
  assert.equal(world.server.count('login'), 2);
});

test('who is not allowed to sign is not logged in again and again', async (t) => {
  const world = await VaultWorld.start(t);
  const request = await world.request();
  world.server.answer = ({ operation }) =>
    operation === 'sign' ? { status: 403, body: { errors: ['permission denied'] } } : undefined;
  await assert.rejects(world.provider.sign(request, never()), { code: 'ca-permission-denied' });
  assert.deepEqual([world.server.count('login'), world.server.count('sign')], [1, 1]);
  await assert.rejects(world.provider.sign(request, never()), { code: 'ca-permission-denied' });
  assert.deepEqual([world.server.count('login'), world.server.count('sign')], [2, 2]);
});

test('calls with one token at the same time share one login', async (t) => {
  const world = await VaultWorld.start(t);
  const token = world.server.token(WEB);
  await Promise.all(Array.from({ length: 20 }, () => world.issue(WEB, token)));
  assert.equal(world.server.count('login'), 1);
});

test('one caller that gives up does not take the login away from another', async (t) => {
  const world = await VaultWorld.start(t);
  const request = await world.request();
  const open = holdLogins(world);
  const controller = new AbortController();
  const first = world.provider.sign(request, controller.signal);
  const second = world.provider.sign(request, never());
  await eventually('the login is under way', () => world.server.openRequests === 1);
  controller.abort();
  await assert.rejects(first, { code: 'ca-timeout' });
  open();
  await second;
  assert.equal(world.server.count('login'), 1);
});

test('the login ends when the last that waits gives up, and who comes then gets a new one', async (t) => {
  const world = await VaultWorld.start(t);
  const request = await world.request();
  const open = holdLogins(world);
  const controllers = [new AbortController(), new AbortController()];
  const calls = controllers.map(({ signal }) => world.provider.sign(request, signal));
  await eventually('the login is under way', () => world.server.openRequests === 1);
  for (const controller of controllers) controller.abort();
  for (const call of calls) await assert.rejects(call, { code: 'ca-timeout' });
  const third = world.provider.sign(request, never());
  await eventually('only the new login is open', () => world.server.openRequests === 1);
  open();
  await third;
  assert.equal(world.server.count('login'), 2);
});

test('workloads that sign at the same time never use each other’s login, also while logins are revoked', async (t) => {
  const world = await VaultWorld.start(t);
  const ids = Array.from({ length: 40 }, (_, index) => serviceAccountId('cluster.local', 'shop', `web-${index}`));
  const callers = ids.map((id) => ({ id, token: world.server.token(id) }));
  for (let round = 0; round < 3; round++) {
    // The server refuses a request whose name is not that of the login: one wrong pairing rejects.
    const calls = callers.flatMap((caller) => [caller, caller]).map(({ id, token }) => world.issue(id, token));
    if (round > 0) world.server.revokeLogins();
    await Promise.all(calls);
  }
});

test('a login that carries no token is an invalid answer', async (t) => {
  const world = await VaultWorld.start(t);
  for (const auth of [null, {}, { client_token: '' }, { client_token: 'a\nb' }, { client_token: 7 }]) {
    world.server.answer = ({ operation }) => (operation === 'login' ? { status: 200, body: { auth } } : undefined);
    await assert.rejects(world.issue(API), { code: 'ca-answer-invalid', message: /VAULT_AUTH_PATH/ });
  }
});

test('when there are too many callers, the login that is the oldest goes first', async (t) => {
  const { server, clock } = await VaultWorld.start(t);
  const options = parseVaultOptions({ vault: server.settings() });
  const logins = new VaultLogins(new VaultClient(options), options, clock, 2);
  const [first, second, third] = [server.token(WEB), server.token(WEB), server.token(WEB)];
  for (const token of [first, second, third, second, third]) await logins.loginOf(token, never());
  assert.equal(server.count('login'), 3);
  await logins.loginOf(first, never());
  assert.equal(server.count('login'), 4);
});

/** Holds logins back until the function that it gives is called. */
function holdLogins(world: VaultWorld): () => void {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  world.server.before = ({ operation }) => (operation === 'login' ? opened : Promise.resolve());
  return open;
}
