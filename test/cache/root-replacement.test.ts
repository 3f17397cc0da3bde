import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RootReplacement } from '../../src/cache/root-replacement.ts';
import { AgentError } from '../../src/core/agent-error.ts';
import { minutes, seconds, settle } from '../fakes/fake-clock.ts';
import { CacheWorld, type Listener } from './cache-world.ts';

function replacementIn(world: CacheWorld): RootReplacement {
  return new RootReplacement(world.ca, world.bundles, world.cache, world.clock, world.log);
}

const never = new AbortController().signal;

test('the old root signs until everybody has acknowledged both, and is trusted until everybody has a new leaf', async () => {
  await using world = await CacheWorld.start();
  const bundle = world.listenToBundle();
  const certificate = world.listen(world.caller('web'));
  await settle();
  bundle.acknowledge();
  certificate.acknowledge();
  const done = replacementIn(world).run(() => undefined, never);
  await world.clock.advance(seconds(30));
  assert.equal(world.ca.rootStage, 'staged', 'waits for the bundle');
  assert.equal(world.bundles.bundle?.rootCount, 2);
  bundle.acknowledge();
  await world.clock.advance(seconds(6));
  assert.equal(world.ca.rootStage, 'switched');
  assert.equal(certificate.changes, 2, 'a new leaf was pushed');
  await world.clock.advance(seconds(30));
  assert.equal(world.bundles.bundle?.rootCount, 2, 'waits for the leaf');
  certificate.acknowledge();
  await world.clock.advance(seconds(6));
  await done;
  assert.equal(world.ca.rootStage, 'single');
  assert.equal(world.bundles.bundle?.rootCount, 1);
});

test('a stream that never acknowledges holds the others up for a minute, not for ever', async () => {
  await using world = await CacheWorld.start();
  world.listenToBundle();
  const steps: string[] = [];
  const done = replacementIn(world).run((step) => steps.push(step), never);
  await world.clock.advance(minutes(4));
  await done;
  assert.equal(world.ca.rootStage, 'single');
  assert.equal(steps.length, 4);
  assert.match(JSON.stringify(world.log.events), /not waited for/);
});

test('while an identity cannot be renewed the old root stays trusted, and a later run goes on from there', async () => {
  await using world = await CacheWorld.start();
  const listener: Listener = world.listen(world.caller('web'));
  await settle();
  const replacement = replacementIn(world);
  const switchRoot = world.ca.switchRoot.bind(world.ca);
  world.ca.switchRoot = async (signal) => {
    await switchRoot(signal);
    world.ca.failWith(new AgentError('ca-unavailable', 'the CA is down'));
  };
  const failing = assert.rejects(
    replacement.run(() => undefined, never),
    { code: 'ca-unavailable' },
  );
  await world.clock.advance(minutes(1));
  await failing;
  assert.equal(world.ca.rootStage, 'switched');
  assert.equal(world.bundles.bundle?.rootCount, 2);
  world.ca.failWith(undefined);
  const done = replacement.run(() => undefined, never);
  await settle();
  listener.acknowledge();
  await world.clock.advance(seconds(6));
  await done;
  assert.equal(world.bundles.bundle?.rootCount, 1);
});

test('two replacements do not run at once', async () => {
  await using world = await CacheWorld.start();
  const replacement = replacementIn(world);
  const done = replacement.run(() => undefined, never);
  await assert.rejects(
    replacement.run(() => undefined, never),
    { code: 'limit-exceeded' },
  );
  await world.clock.advance(seconds(20));
  await done;
});

test('an identity that nobody listens to holds up nothing: it is forgotten, and gets a new leaf when it is back', async () => {
  await using world = await CacheWorld.start();
  const listener = world.listen(world.caller('web', minutes(1)));
  await settle();
  listener.leave();
  await world.clock.advance(minutes(2));
  const done = replacementIn(world).run(() => undefined, never);
  await world.clock.advance(seconds(20));
  await done;
  assert.deepEqual(world.cache.identities(), []);
  assert.equal(world.listen(world.caller('web')).served, undefined);
});
