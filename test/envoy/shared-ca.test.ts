import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AgentProcess } from '../../demo/processes/agent-process.ts';
import { CaProcess } from '../../demo/processes/ca-process.ts';
import type { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { API, inWorld, spiffeIdOf, WEB, type World } from './harness/world.ts';

describe('one CA for two nodes', { skip: WITHOUT_ENVOY }, () => {
  it(
    'gives the Envoys of both mutual TLS, which goes on while it is killed and started again',
    { timeout: 120_000 },
    () =>
      withSharedCa((ca, settings) =>
        inWorld(async (world) => {
          const other = new AgentProcess(join(world.folder, 'b'), settings);
          try {
            await Promise.all([world.agent.start(), other.start()]);
            const { server, client } = await startSidecars(world, other);
            assert.deepEqual(await namesOf(server), [spiffeIdOf(API)]);
            assert.deepEqual(await namesOf(client), [spiffeIdOf(WEB)]);

            const load = await world.startLoad();
            await ca.kill();
            await assert.rejects(world.agent.command('rotate', '--all'));
            await world.untilMoreRequests(100);
            await ca.start();
            for (const [agent, envoy] of [
              [world.agent, server],
              [other, client],
            ] as const) {
              const before = await serialsOf(envoy);
              await eventually('certificates are renewed', () => agent.command('rotate', '--all'));
              const isNew = async (): Promise<boolean> => (await serialsOf(envoy))[0] !== before[0];
              await eventually(`${envoy.name} uses a new certificate`, isNew);
            }
            await world.untilMoreRequests(50);
            assert.deepEqual((await load.stop()).failures, []);
          } finally {
            await other.stop();
          }
        }, settings),
      ),
  );
});

/** Runs the work beside a CA, with the settings of agents on other machines. */
async function withSharedCa(work: (ca: CaProcess, settings: Readonly<Record<string, string>>) => Promise<void>) {
  const folder = mkdtempSync('/tmp/sds-ca-');
  const ca = new CaProcess(folder);
  try {
    await ca.start();
    const keys = join(folder, 'keys.json');
    const settings = {
      ...{ CA_PROVIDER: 'Citadel', CA_ADDR: ca.address, CA_ROOT_CA: ca.rootFile },
      ...{ TOKEN_VERIFIER: 'jwks', TOKEN_JWKS: keys },
      // For the token command alone, which takes the place of Kubernetes: such an agent keeps no state.
      STATE_DIR: ca.stateDir,
    };
    writeFileSync(keys, await new AgentProcess(join(folder, 'issuer'), settings).command('token', '--jwks'));
    await work(ca, settings);
  } finally {
    await ca.stop();
  }
  rmSync(folder, { recursive: true });
}

/** The server's sidecar asks the one agent, the client's the other. */
async function startSidecars(world: World, other: AgentProcess) {
  const server = world.startEnvoy('server', await world.agent.mintToken(API));
  const tokenFile = await other.mintToken(WEB);
  const client = world.startEnvoy('client', tokenFile, [], { agentSocketPath: other.socketPath });
  await Promise.all([server.untilLive(), client.untilLive()]);
  return { server, client };
}

async function namesOf(envoy: EnvoyProcess): Promise<(string | undefined)[]> {
  return (await envoy.certificates()).leaves.flatMap((leaf) => leaf.subject_alt_names.map(({ uri }) => uri));
}

async function serialsOf(envoy: EnvoyProcess): Promise<string[]> {
  return (await envoy.certificates()).leaves.map((leaf) => leaf.serial_number);
}
