import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { WITHOUT_ENVOY } from '../envoy/harness/envoy-binary.ts';
import { API, inWorld, spiffeIdOf, WEB } from '../envoy/harness/world.ts';
import { Cluster } from './harness/cluster.ts';
import { WITHOUT_OPENBAO } from './harness/openbao-binary.ts';

const skip = WITHOUT_ENVOY || WITHOUT_OPENBAO;

describe('two real Envoys whose certificates a real OpenBao signs', { skip, timeout: 180_000 }, () => {
  it('lose no request to rotations, nor to an OpenBao that is killed, sealed and back', async () => {
    await using cluster = await Cluster.start('intermediate-ca', 'jwt');
    await inWorld(async (world) => {
      await world.agent.start();
      const { server, client } = await world.startSidecars();
      assert.deepEqual(await identityOf(server), [spiffeIdOf(API)]);
      assert.deepEqual(await identityOf(client), [spiffeIdOf(WEB)]);
      const load = await world.startLoad();

      const rotate = async (): Promise<void> => {
        const before = await Promise.all([serialOf(server), serialOf(client)]);
        await world.agent.command('rotate', '--all');
        for (const [index, envoy] of [server, client].entries()) {
          await eventually(`${envoy.name} is renewed`, async () => (await serialOf(envoy)) !== before[index]);
        }
        await world.untilMoreRequests(50);
      };
      await rotate();
      await cluster.bao.kill();
      await assert.rejects(world.agent.command('rotate', '--all'), /ca-unavailable|cannot be reached/);
      await world.untilMoreRequests(100);
      await cluster.bao.restart();
      await rotate();

      await load.stop();
      assert.deepEqual(load.count.failures, []);
      for (const envoy of [server, client]) assert.equal(await envoy.count(/\.update_rejected$/), 0);
    }, settingsFor(cluster));
  });

  it('trust each other by the intermediate where the mount does not know its root', async () => {
    await using cluster = await Cluster.start('intermediate-ca', 'jwt');
    await cluster.removeRoot();
    await inWorld(async (world) => {
      await world.agent.start();
      await world.startSidecars();
      const load = await world.startLoad();
      await world.untilMoreRequests(50);
      await load.stop();
      assert.deepEqual(load.count.failures, []);
    }, settingsFor(cluster));
  });
});

function settingsFor({ bao, tokens }: Cluster): Readonly<Record<string, string>> {
  return {
    CA_PROVIDER: 'VaultCA',
    TOKEN_VERIFIER: 'embedded',
    STATE_DIR: tokens.stateDir,
    VAULT_ADDR: bao.address,
    VAULT_ROLE: 'workload',
    VAULT_AUTH_PATH: 'auth/jwt/login',
    VAULT_SIGN_CSR_PATH: 'istio_ca/sign/workload',
    VAULT_TLS_ROOT_CERT: bao.tlsRootCert.trim().replaceAll('\n', '\\n'),
  };
}

async function identityOf(envoy: EnvoyProcess): Promise<(string | undefined)[]> {
  const { leaves } = await envoy.certificates();
  return leaves.flatMap(({ subject_alt_names }) => subject_alt_names.map(({ uri }) => uri));
}

async function serialOf(envoy: EnvoyProcess): Promise<string | undefined> {
  const { leaves } = await envoy.certificates();
  return leaves[0]?.serial_number;
}
