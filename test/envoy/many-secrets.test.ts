import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../demo/processes/eventually.ts';
import type { EnvoyObject } from '../../src/cli/envoy-bootstrap/document.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { API, inWorld, spiffeIdOf, WEB } from './harness/world.ts';

/** More than the 1,024 at which Envoy's default circuit breakers stop. */
const SECRETS = 1_500;

describe('one real Envoy with several secrets', { skip: WITHOUT_ENVOY }, () => {
  it('serves with two certificates on one listener', { timeout: 60_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const names = ['--name', 'default', '--name', spiffeIdOf(API)];
      const server = world.startEnvoy('server', await world.agent.mintToken(API), names);
      const client = world.startEnvoy('client', await world.agent.mintToken(WEB));
      await Promise.all([server.untilLive(), client.untilLive()]);
      const load = await world.startLoad();
      await world.untilMoreRequests(50);
      assert.deepEqual((await load.stop()).failures, []);
      assert.ok((await server.count(/^sds\.default\.update_success$/)) > 0);
      assert.ok((await server.count(/^sds\.spiffe.*\.update_success$/)) > 0);
    }),
  );

  const names = Array.from({ length: SECRETS }, (_, index) => `secret-${index}`);
  const settings = { SDS_DEFAULT_SVID_NAMES: ['default', ...names].join(',') };

  for (const mode of ['envoy-grpc', 'google-grpc']) {
    it(`gets ${SECRETS} for one listener: ${mode}`, { timeout: 120_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const flags = ['--mode', mode, ...names.flatMap((name) => ['--name', name])];
        const server = world.startEnvoy('server', await world.agent.mintToken(API), flags);
        await server.untilLive(60_000);
        assert.equal(await server.count(/^sds\.secret-.*\.update_success$/), SECRETS);
      }, settings),
    );

    // Not on one listener: Envoy builds a listener's whole TLS context anew for each of its certificates.
    it(`gets ${SECRETS} for as many clusters, and their rotation: ${mode}`, { timeout: 120_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const edit = (bootstrap: EnvoyObject) => withPeerForEach(names, bootstrap);
        const client = world.startEnvoy('client', await world.agent.mintToken(WEB), ['--mode', mode], { edit });
        await client.untilLive(60_000);

        await world.agent.command('rotate', '--all');
        await eventually('every secret has been pushed once more', async () => {
          return (await client.count(/^sds\.secret-.*\.update_success$/)) === 2 * SECRETS;
        });
        assert.equal(await client.count(/^sds\..*\.update_rejected$/), 0);
      }, settings),
    );
  }
});

/** The bootstrap with a copy of its `peer` cluster for each name, which presents the certificate of that name. */
function withPeerForEach(names: readonly string[], bootstrap: EnvoyObject): EnvoyObject {
  const document: { static_resources: { clusters: { name: string }[] } } = JSON.parse(JSON.stringify(bootstrap));
  const { clusters } = document.static_resources;
  const peer = JSON.stringify(clusters.find(({ name }) => name === 'peer'));
  for (const name of names) {
    clusters.push(JSON.parse(peer.replaceAll('"peer"', `"peer-${name}"`).replaceAll('"default"', `"${name}"`)));
  }
  return document;
}
