import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Secret } from '../src/gen/xds/secret.ts';
import { AgentWorld, SecretStream } from './agent-world.ts';
import { CitadelCa } from './fakes/citadel-ca.ts';
import { readServiceAccountToken } from './fakes/workload-tokens.ts';

async function startCa(t: TestContext): Promise<CitadelCa> {
  const directory = await mkdtemp(join(tmpdir(), 'agent-citadel-'));
  const ca = await CitadelCa.start({
    address: `unix:${join(directory, 'ca.sock')}`,
    identify: readServiceAccountToken,
  });
  t.after(async () => {
    ca.stop();
    await rm(directory, { recursive: true });
  });
  return ca;
}

function start(ca: CitadelCa): Promise<AgentWorld> {
  return AgentWorld.start({ env: { CA_PROVIDER: 'Citadel', CA_ADDR: ca.address, TOKEN_VERIFIER: 'embedded' } });
}

test('with Citadel the agent is ready before any root is known, and the first certificate brings the bundle', async (t) => {
  await using world = await start(await startCa(t));
  await world.until(() => world.agent.status().unready.length === 0);
  assert.deepEqual(world.agent.status().bundles, []);
  assert.deepEqual(
    world.log.events.filter(({ level }) => level === 'warn'),
    [],
  );
  await using client = await world.connect();
  const bundle = new SecretStream(client, await world.token(), ['ROOTCA']);
  const certificate = new SecretStream(client, await world.token(), ['default']);
  const found = await Promise.all([bundle.next(), certificate.next()]);
  const [roots, chain] = found.map(({ resources }) => Secret.decode(resources[0]?.value ?? new Uint8Array()));
  assert.match(String(roots?.validationContext?.trustedCa?.inlineBytes), /^-----BEGIN CERTIFICATE-----\n[^-]+-----END/);
  assert.equal(String(chain?.tlsCertificate?.certificateChain?.inlineBytes).match(/BEGIN CERTIFICATE/g)?.length, 2);
});

test('with Citadel down the agent is not ready, says so, and comes to serve when the CA is there', async (t) => {
  const ca = await startCa(t);
  ca.stop();
  await using world = await start(ca);
  await using client = await world.connect();
  const certificate = new SecretStream(client, await world.token(), ['default']);
  await world.until(() => world.agent.status().identities[0]?.lastError?.code === 'ca-unavailable');
  assert.match(world.agent.status().unready.join('\n'), /^ca: /);
  await ca.listen();
  assert.equal((await certificate.next()).resources.length, 1);
  await world.until(() => world.agent.status().unready.length === 0);
});
