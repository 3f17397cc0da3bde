import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { WAYS } from './harness/ways.ts';
import { inWorld } from './harness/world.ts';

/** Without waiting for the frozen one, the agent would go on after the five seconds that it lets pass in any case. */
const FROZEN_MS = 7_000;

// Of each test's time, ten seconds are the agent's own waiting.
describe('a new root of the embedded CA', { skip: WITHOUT_ENVOY, concurrency: 3 }, () => {
  for (const [way, flags] of Object.entries(WAYS)) {
    it(`replaces the old one in two real Envoys without a failed handshake: ${way}`, { timeout: 120_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const { server, client } = await world.startSidecars(flags);
        const before = [await rootsOf(server), await rootsOf(client)];
        assert.deepEqual(before[0], before[1]);

        const load = await world.startLoad();
        await world.agent.command('rotate', '--root');
        await world.untilMoreRequests(100);

        // The command ends when the old root is gone everywhere: no waiting here, but for who polls.
        if (way === 'rest') await untilOneRoot([server, client]);
        const after = [await rootsOf(server), await rootsOf(client)];
        assert.deepEqual(after[0], after[1]);
        assert.equal(after[0]?.length, 1);
        assert.notDeepEqual(after[0], before[0]);
        assert.deepEqual((await load.stop()).failures, []);
      }),
    );
  }

  for (const way of ['state of the world, google_grpc', 'delta, envoy_grpc'] as const) {
    it(`is not presented by anybody before every Envoy trusts it: ${way}`, { timeout: 120_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const { server, client } = await world.startSidecars(WAYS[way]);
        const before = await leavesOf(server);

        client.freeze();
        const replaced = world.agent.command('rotate', '--root');
        try {
          await eventually('the other Envoy trusts both roots', async () => (await rootsOf(server)).length === 2);
          const untilMs = performance.now() + FROZEN_MS;
          while (performance.now() < untilMs) assert.deepEqual(await leavesOf(server), before);
        } finally {
          client.thaw();
        }

        const load = await world.startLoad();
        await replaced;
        assert.notDeepEqual(await leavesOf(server), before);
        assert.deepEqual((await load.stop()).failures, []);
      }),
    );
  }
});

async function untilOneRoot(envoys: readonly EnvoyProcess[]): Promise<void> {
  for (const envoy of envoys) {
    await eventually(`${envoy.name} trusts one root`, async () => (await rootsOf(envoy)).length === 1);
  }
}

async function leavesOf(envoy: EnvoyProcess): Promise<string[]> {
  return (await envoy.certificates()).leaves.map((leaf) => leaf.serial_number);
}

async function rootsOf(envoy: EnvoyProcess): Promise<string[]> {
  return (await envoy.certificates()).roots.map((root) => root.serial_number);
}
