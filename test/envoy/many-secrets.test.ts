import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../../demo/processes/eventually.ts';
import type { EnvoyObject } from '../../src/cli/envoy-bootstrap/document.ts';
import { toSdsSource } from '../../src/cli/envoy-bootstrap/sds-source.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { WAYS } from './harness/ways.ts';
import { API, inWorld, spiffeIdOf, WEB } from './harness/world.ts';

/** More than the 1,024 at which Envoy's default circuit breakers stop. */
const SECRETS = 1_500;
const CERTIFICATES_TAKEN = /^sds\.secret-.*\.update_success$/;

describe('one real Envoy with several secrets', { skip: WITHOUT_ENVOY, concurrency: 2 }, () => {
  const names = Array.from({ length: SECRETS }, (_, index) => `secret-${index}`);
  const settings = { SDS_DEFAULT_SVID_NAMES: ['default', ...names].join(',') };

  for (const [way, flags] of Object.entries(WAYS)) {
    it(`serves with two certificates on one listener: ${way}`, { timeout: 60_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const two = ['--name', 'default', '--name', spiffeIdOf(API)];
        const server = world.startEnvoy('server', await world.agent.mintToken(API), [...flags, ...two]);
        const client = world.startEnvoy('client', await world.agent.mintToken(WEB), flags);
        await Promise.all([server.untilLive(), client.untilLive()]);
        const load = await world.startLoad();
        await world.untilMoreRequests(50);
        assert.deepEqual((await load.stop()).failures, []);
        assert.ok((await server.count(/^sds\.default\.update_success$/)) > 0);
        assert.ok((await server.count(/^sds\.spiffe.*\.update_success$/)) > 0);
      }),
    );

    it(`gets ${SECRETS} for one listener: ${way}`, { timeout: 180_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const tokenFile = await world.agent.mintToken(API);
        const bundleSocket = join(world.folder, 'bundle.sock');
        const edit = (bootstrap: EnvoyObject) => withBundleFrom(bundleSocket, tokenFile, bootstrap);
        const server = world.startEnvoy('server', tokenFile, [...flags, ...names.flatMap((name) => ['--name', name])], {
          edit,
        });

        // With the bundle there, Envoy builds the listener's whole TLS context anew for each certificate that comes:
        // 1,500 take its main thread 100 s. Google's client has a connection for each secret, so the bundle may well
        // be the first to come. Here it is always the last.
        const haveCome = async () => (await server.count(CERTIFICATES_TAKEN)) === SECRETS;
        await eventually('every certificate has come', haveCome, {
          withinMs: 120_000,
          check: () => server.assertRunning(),
        });
        assert.equal(await server.isLive(), false);
        symlinkSync(world.agent.socketPath, bundleSocket);
        await server.untilLive(60_000);
        assert.equal(await server.count(CERTIFICATES_TAKEN), SECRETS);
      }, settings),
    );

    // Polls of so many secrets, each with the whole node, keep Envoy busy: once is enough.
    if (way === 'rest') continue;

    // Not on one listener: each pushed certificate would build its whole TLS context anew.
    it(`gets ${SECRETS} for as many clusters, and their rotation: ${way}`, { timeout: 120_000 }, () =>
      inWorld(async (world) => {
        await world.agent.start();
        const edit = (bootstrap: EnvoyObject) => withPeerForEach(names, bootstrap);
        const client = world.startEnvoy('client', await world.agent.mintToken(WEB), flags, { edit });
        await client.untilLive(60_000);

        await world.agent.command('rotate', '--all');
        await eventually('every secret has been pushed once more', async () => {
          return (await client.count(CERTIFICATES_TAKEN)) === 2 * SECRETS;
        });
        assert.equal(await client.count(/^sds\..*\.update_rejected$/), 0);
      }, settings),
    );
  }
});

/**
 * The bootstrap with the trust bundle from an agent's socket at this path, whatever the certificates come from. The
 * socket may be made later: Envoy tries again until it is there.
 */
function withBundleFrom(socketPath: string, tokenFile: string, bootstrap: EnvoyObject): EnvoyObject {
  const access = { mode: 'google-grpc', grpcClient: 'google-grpc', socketPath, tokenFile } as const;
  const source = toSdsSource({ ...access, tokenSecretFile: undefined });
  return JSON.parse(
    JSON.stringify(bootstrap, (key, value) =>
      key === 'validation_context_sds_secret_config' ? { ...value, sds_config: source } : value,
    ),
  );
}

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
