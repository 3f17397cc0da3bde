import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import type { SteadyLoad } from '../../demo/processes/steady-load.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { AGGREGATED_WAYS, WAYS } from './harness/ways.ts';
import { API, inWorld, spiffeIdOf, WEB, type World } from './harness/world.ts';

describe('two real Envoys with mutual TLS', { skip: WITHOUT_ENVOY }, () => {
  for (const [way, flags] of Object.entries({ ...WAYS, ...AGGREGATED_WAYS })) {
    it(`lose no request to rotations and to a killed agent: ${way}`, { timeout: 120_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const { server, client } = await world.startSidecars(flags);
        await assertIdentity(server, spiffeIdOf(API));
        await assertIdentity(client, spiffeIdOf(WEB));

        const load = await world.startLoad();
        await rotateAll(world, [server, client]);
        await rotateAll(world, [server, client]);
        await world.untilMoreRequests(50);
        assertNoneFailed(load);

        await replaceKilledAgent(world, [server, client]);
        await world.untilMoreRequests(50);
        await load.stop();
        assertNoneFailed(load);
        assert.equal(await server.count(/\.update_rejected$/), 0);
        assert.equal(await client.count(/\.update_rejected$/), 0);
        assert.ok((await server.count(/^listener\..*\.ssl\.handshake$/)) >= load.count.ok, 'a handshake a request');
      }),
    );
  }
});

async function assertIdentity(envoy: EnvoyProcess, spiffeId: string): Promise<void> {
  const { leaves, roots } = await envoy.certificates();
  assert.deepEqual(
    leaves.map((leaf) => leaf.subject_alt_names),
    [[{ uri: spiffeId }]],
  );
  assert.equal(roots.length, 1);
}

/** Has every certificate renewed, and waits until both Envoys use the new ones. */
async function rotateAll(world: World, envoys: readonly EnvoyProcess[]): Promise<void> {
  const before = await Promise.all(envoys.map(serialOf));
  await world.agent.command('rotate', '--all');
  await untilSerialsDiffer(envoys, before);
}

/** The certificates of an agent that comes back are new ones, because keys are in memory only. */
async function replaceKilledAgent(world: World, envoys: readonly EnvoyProcess[]): Promise<void> {
  const before = await Promise.all(envoys.map(serialOf));
  await world.agent.kill();
  await world.untilMoreRequests(100);
  await world.agent.start();
  await untilSerialsDiffer(envoys, before);
}

async function untilSerialsDiffer(envoys: readonly EnvoyProcess[], before: readonly string[]): Promise<void> {
  for (const [index, envoy] of envoys.entries()) {
    await eventually(`${envoy.name} uses a new certificate`, async () => (await serialOf(envoy)) !== before[index]);
  }
}

async function serialOf(envoy: EnvoyProcess): Promise<string> {
  const { leaves } = await envoy.certificates();
  assert.equal(leaves.length, 1, 'one certificate is in use');
  return leaves[0]?.serial_number ?? '';
}

function assertNoneFailed({ count }: SteadyLoad): void {
  assert.ok(count.ok > 0, 'requests have been answered');
  assert.deepEqual(count.failures, []);
}
