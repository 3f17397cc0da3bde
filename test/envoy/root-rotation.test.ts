import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { inWorld } from './harness/world.ts';

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
});

async function rootsOf(envoy: { certificates(): Promise<{ roots: { serial_number: string }[] }> }): Promise<string[]> {
  return (await envoy.certificates()).roots.map((root) => root.serial_number);
}
