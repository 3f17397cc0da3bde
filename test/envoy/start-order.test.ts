import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { AgentProcess } from '../../demo/processes/agent-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { WAYS } from './harness/ways.ts';
import { API, inWorld } from './harness/world.ts';

describe('a real Envoy', { skip: WITHOUT_ENVOY }, () => {
  for (const [way, flags] of Object.entries(WAYS)) {
    it(`that starts before the agent waits for it and gets live: ${way}`, { timeout: 60_000 }, () =>
      inWorld(async (world) => {
        const tokenFile = await world.agent.mintToken(API);
        const server = world.startEnvoy('server', tokenFile, flags);
        await eventually('its admin interface says what is missing', async () =>
          (await server.admin('/init_dump')).includes('SdsApi default'),
        );
        assert.equal(await server.isLive(), false);

        await world.agent.start();
        await server.untilLive();
      }),
    );
  }

  it('with the token of another issuer gets nothing, and is told that its token is refused', { timeout: 60_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const stranger = new AgentProcess(`${world.folder}/stranger`);
      const server = world.startEnvoy('server', await stranger.mintToken(API), ['--mode', 'google-grpc']);

      await eventually(
        'Envoy logs status 16, UNAUTHENTICATED',
        async () =>
          /SecretDiscoveryService.* 16, /.test(readFileSync(server.logFile, 'utf8')) ||
          /closed.*: 16, /.test(readFileSync(server.logFile, 'utf8')),
      );
      assert.equal(await server.isLive(), false);
      assert.equal(await server.count(/^sds\..*\.update_success$/), 0);
    }),
  );

  it('whose token is replaced by a good one gets live without a restart', { timeout: 60_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const tokenFile = await world.agent.mintToken(API);
      const good = readFileSync(tokenFile, 'utf8');
      writeFileSync(tokenFile, 'not.a.token');
      const server = world.startEnvoy('server', tokenFile, ['--mode', 'google-grpc']);
      await eventually('it has tried', async () => (await server.count(/^sds\..*\.update_failure$/)) > 0);
      assert.equal(await server.isLive(), false);

      writeFileSync(tokenFile, good);
      await server.untilLive();
    }),
  );
});
