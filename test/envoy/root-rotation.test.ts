import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { inWorld } from './harness/world.ts';

/** Without waiting for the frozen one, the agent needs a fraction of this to go on. */
const FROZEN_MS = 1_000;

describe('a new root of the embedded CA', { skip: WITHOUT_ENVOY }, () => {
  for (const mode of ['google-grpc', 'envoy-grpc', 'delta']) {
    it(`replaces the old one in two real Envoys without a failed handshake: ${mode}`, { timeout: 120_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const { server, client } = await world.startSidecars(['--mode', mode]);
        const before = [await rootsOf(server), await rootsOf(client)];
        assert.deepEqual(before[0], before[1]);

        const load = await world.startLoad();
        await world.agent.command('rotate', '--root');
        await world.untilMoreRequests(100);

        // The command ends when the old root is gone everywhere: no waiting here.
        const after = [await rootsOf(server), await rootsOf(client)];
        assert.deepEqual(after[0], after[1]);
        assert.equal(after[0]?.length, 1);
        assert.notDeepEqual(after[0], before[0]);
        assert.deepEqual((await load.stop()).failures, []);
      }),
    );
  }

  it('is not presented by anybody before every Envoy trusts it', { timeout: 120_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const { server, client } = await world.startSidecars();
      const load = await world.startLoad();
      const before = await leavesOf(server);

      client.freeze();
      const replaced = world.agent.command('rotate', '--root');
      // The load needs the frozen Envoy's answers within ten seconds, so it is thawed long before.
      try {
        await eventually('the other Envoy trusts both roots', async () => (await rootsOf(server)).length === 2);
        const untilMs = performance.now() + FROZEN_MS;
        while (performance.now() < untilMs) assert.deepEqual(await leavesOf(server), before);
      } finally {
        client.thaw();
      }

      await replaced;
      assert.notDeepEqual(await leavesOf(server), before);
      assert.deepEqual((await load.stop()).failures, []);
    }),
  );
});

async function leavesOf(envoy: EnvoyProcess): Promise<string[]> {
  return (await envoy.certificates()).leaves.map((leaf) => leaf.serial_number);
}

async function rootsOf(envoy: EnvoyProcess): Promise<string[]> {
  return (await envoy.certificates()).roots.map((root) => root.serial_number);
}
