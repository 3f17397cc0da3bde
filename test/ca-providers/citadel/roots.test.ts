import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentError } from '../../../src/core/agent-error.ts';
import type { DerCertificates } from '../../../src/core/ca-provider.ts';
import { settle } from '../../fakes/fake-clock.ts';
import { eventually } from '../../transport/eventually.ts';
import { CitadelWorld, newRequest } from './citadel-world.ts';

const { signal } = new AbortController();
const isUnavailable = (error: AgentError): boolean => error.code === 'ca-unavailable';

test('before the first certificate a CA that can be reached has told of no roots, and is sent nothing', async () => {
  await using world = await CitadelWorld.start();
  assert.deepEqual(await (await world.load()).roots(signal), []);
  assert.equal(world.ca.requests.length, 0);
});

test('asking for roots is ca-unavailable while the CA cannot be reached, also when they are known', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load();
  world.ca.stop();
  await assert.rejects(provider.roots(signal), { code: 'ca-unavailable', message: /CA_ADDR.*ECONNREFUSED/ });
  await world.ca.listen();
  await provider.sign(await newRequest(), signal);
  assert.deepEqual(await provider.roots(signal), [Buffer.from(world.ca.ca.rootDer)]);
  world.ca.stop();
  await eventually('it is noticed', () => provider.roots(signal).then(() => false, isUnavailable));
});

test('the chain comes without the root', async () => {
  await using world = await CitadelWorld.start();
  const chain = await (await world.load()).sign(await newRequest(), signal);
  assert.equal(chain.length, 2);
});

test('a watcher is told of each root with the first certificate that brings it, and of none twice', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load();
  const stop = new AbortController();
  const seen: DerCertificates[] = [];
  const watching = (async () => {
    for await (const roots of provider.watchRoots?.(stop.signal) ?? []) seen.push(roots);
  })();
  for (let index = 0; index < 3; index++) await provider.sign(await newRequest(), signal);
  await world.ca.ca.replaceRoot();
  for (let index = 0; index < 3; index++) await provider.sign(await newRequest(), signal);
  await settle();
  assert.deepEqual(
    seen.map(({ length }) => length),
    [1, 2],
  );
  stop.abort();
  await watching;
});

test('an answer that is refused teaches no root', async () => {
  await using world = await CitadelWorld.start();
  const provider = await world.load();
  world.ca.changeElements = (elements) => elements.slice(-1);
  await assert.rejects(provider.sign(await newRequest(), signal), { code: 'ca-answer-invalid' });
  assert.deepEqual(await provider.roots(signal), []);
});
