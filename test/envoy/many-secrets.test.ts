import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../demo/processes/eventually.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { API, inWorld, spiffeIdOf } from './harness/world.ts';

/** More than the 1,024 at which Envoy's default circuit breakers stop. */
const SECRETS = 1_500;

describe('one real Envoy with several secrets', { skip: WITHOUT_ENVOY }, () => {
  it('serves with two certificates on one listener', { timeout: 60_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const names = ['--name', 'default', '--name', spiffeIdOf(API)];
      const server = world.startEnvoy('server', await world.agent.mintToken(API), names);
      const client = world.startEnvoy(
        'client',
        await world.agent.mintToken({ namespace: 'test', serviceAccount: 'web' }),
      );
      await Promise.all([server.untilLive(), client.untilLive()]);
      const load = await world.startLoad();
      await world.untilMoreRequests(50);
      assert.deepEqual((await load.stop()).failures, []);
      assert.ok((await server.count(/^sds\.default\.update_success$/)) > 0);
      assert.ok((await server.count(/^sds\.spiffe.*\.update_success$/)) > 0);
    }),
  );

  const names = Array.from({ length: SECRETS }, (_, index) => `secret-${index}`);
  for (const mode of ['envoy-grpc', 'google-grpc']) {
    it(`gets all ${SECRETS} of them, and their rotation: ${mode}`, { timeout: 120_000 }, () =>
      inWorld(
        async (world) => {
          await world.agent.start();
          const flags = ['--mode', mode, ...names.flatMap((name) => ['--name', name])];
          const server = world.startEnvoy('server', await world.agent.mintToken(API), flags);
          await server.untilLive(60_000);
          assert.equal(await server.count(/^sds\.secret-.*\.update_success$/), SECRETS);

          await world.agent.command('rotate', '--all');
          await eventually('every secret has been pushed once more', async () => {
            return (await server.count(/^sds\.secret-.*\.update_success$/)) === 2 * SECRETS;
          });
          assert.equal(await server.count(/^sds\.secret-.*\.update_rejected$/), 0);
        },
        { SDS_DEFAULT_SVID_NAMES: ['default', ...names].join(',') },
      ),
    );
  }
});
