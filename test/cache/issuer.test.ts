import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hours, settle } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { CacheWorld, idOf } from './cache-world.ts';

/** What a CA can do wrong, and a word that the operator has to find in the error. */
const FAULTS: { readonly what: string; readonly word: RegExp; readonly spoil: (ca: MemoryCa) => void }[] = [
  {
    what: 'an empty chain',
    word: /chain|no certificate/i,
    spoil: (ca) => {
      ca.changeAnswer = () => [];
    },
  },
  {
    what: 'garbage',
    word: /DER|certificate/i,
    spoil: (ca) => {
      ca.changeAnswer = () => [new Uint8Array(40)];
    },
  },
  {
    what: 'half a certificate',
    word: /DER|certificate/i,
    spoil: (ca) => {
      ca.changeAnswer = ([leaf]) => [leaf?.subarray(0, 100) ?? new Uint8Array()];
    },
  },
  {
    what: 'no intermediate',
    word: /root/i,
    spoil: (ca) => {
      ca.changeAnswer = ([leaf]) => (leaf ? [leaf] : []);
    },
  },
  {
    what: 'a certificate that is not valid yet',
    word: /not.*valid|clock/i,
    spoil: (ca) => {
      ca.notBeforeOffsetMs = hours(2);
    },
  },
  {
    what: 'an expired certificate',
    word: /expired/i,
    spoil: (ca) => {
      ca.notBeforeOffsetMs = -hours(48);
    },
  },
];

for (const { what, word, spoil } of FAULTS) {
  test(`${what} from the CA is never served; the old certificate stays`, async () => {
    await using world = await CacheWorld.start();
    const listener = world.listen(world.caller('web'));
    await settle();
    spoil(world.ca);
    await assert.rejects(world.cache.renew('all', AbortSignal.timeout(10_000)), {
      code: 'ca-answer-invalid',
      message: word,
    });
    assert.equal(listener.changes, 1);
    assert.equal(listener.served, listener.certificate);
  });
}

test("somebody else's certificate is never served", async () => {
  await using world = await CacheWorld.start();
  const sign = world.ca.sign.bind(world.ca);
  world.ca.sign = (request, signal) => sign({ ...request, id: idOf('other') }, signal);
  const listener = world.listen(world.caller('web'));
  await settle();
  assert.equal(listener.served, undefined);
  assert.match(world.cache.identities()[0]?.lastError?.message ?? '', /other/);
});

test('an answer that was made for another key is never served', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listen(world.caller('web'));
  await settle();
  const sign = world.ca.sign.bind(world.ca);
  const [first] = world.ca.requests;
  assert.ok(first);
  world.ca.sign = (_request, signal) => sign(first, signal);
  await assert.rejects(world.cache.renew('all', AbortSignal.timeout(10_000)), {
    code: 'ca-answer-invalid',
    message: /key/,
  });
  assert.equal(listener.served, listener.certificate);
});

test('a certificate of a CA that nobody trusts is never served', async () => {
  await using world = await CacheWorld.start();
  const impostor = await MemoryCa.create(world.clock);
  world.ca.sign = (request, signal) => impostor.sign(request, signal);
  const listener = world.listen(world.caller('web'));
  await settle();
  assert.equal(listener.served, undefined);
  assert.match(world.cache.identities()[0]?.lastError?.message ?? '', /root/);
});

test('the CSR that the CA is shown asks for the identity and the lifetime, with a key of its own each time', async () => {
  await using world = await CacheWorld.start({ ttlMs: hours(7) });
  world.listen(world.caller('web'));
  await settle();
  await world.cache.renew('all', AbortSignal.timeout(10_000));
  const [first, second] = world.ca.requests;
  assert.equal(first?.id, idOf('web'));
  assert.equal(first?.ttlMs, hours(7));
  assert.notDeepEqual(first?.csr, second?.csr);
});
