import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { sidecarSockets, startSidecar } from '../../demo/processes/sidecar.ts';
import { SteadyLoad } from '../../demo/processes/steady-load.ts';
import { parseCsr } from '../../src/keys/csr.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { AgentWorld } from '../agent-world.ts';
import { hours } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { envoyBinary, WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { WAYS } from './harness/ways.ts';

/** What Envoy itself would reject, or worse, take over. */
const FAULTS: Readonly<Record<string, (ca: MemoryCa) => void>> = {
  garbage: (ca) => {
    ca.changeAnswer = () => [new Uint8Array(300)];
  },
  'an expired certificate': (ca) => {
    ca.notBeforeOffsetMs = -hours(100);
  },
  'a certificate for another key': (ca) => {
    const [first] = ca.requests;
    assert.ok(first);
    const { publicKeyDer } = parseCsr(first.csr);
    ca.changeLeaf = (template) => ({ ...template, publicKeyDer });
  },
};

function mend(ca: MemoryCa): void {
  ca.changeAnswer = (chain) => chain;
  ca.notBeforeOffsetMs = 0;
  ca.changeLeaf = (template) => template;
}

describe('a faulty CA', { skip: WITHOUT_ENVOY, concurrency: 3 }, () => {
  for (const [way, flags] of Object.entries(WAYS)) {
    it(`cannot hurt an Envoy: ${way}`, { timeout: 60_000 }, async (t) => {
      const ca = await MemoryCa.create(systemClock);
      await using world = await AgentWorld.start({ ca: { provider: ca } });
      await using sidecars = await Sidecars.start(world, flags);
      const before = await sidecars.serial();
      const rotate = () => world.agent.rotate('all', AbortSignal.timeout(10_000));

      for (const [what, spoil] of Object.entries(FAULTS)) {
        await t.test(`${what} is not sent, and no request fails`, async () => {
          spoil(ca);
          await assert.rejects(rotate, { code: 'ca-answer-invalid' });
          await sidecars.untilMoreRequests(100);
          if (way === 'rest') await sidecars.untilPolled();

          assert.deepEqual(sidecars.load.count.failures, []);
          assert.equal(await sidecars.server.count(/\.update_rejected$/), 0);
          assert.equal(await sidecars.serial(), before);
        });
        mend(ca);
      }

      await rotate();
      await eventually('the CA that is mended renews', async () => (await sidecars.serial()) !== before);
    });
  }
});

/** A server's and a client's sidecar with requests flowing through both. */
class Sidecars {
  readonly server: EnvoyProcess;
  readonly load: SteadyLoad;
  readonly #client: EnvoyProcess;
  readonly #app;

  private constructor(folder: string, server: EnvoyProcess, client: EnvoyProcess) {
    this.server = server;
    this.#client = client;
    this.#app = createServer((_request, answer) => answer.end('hello')).listen(sidecarSockets(folder).app);
    this.load = new SteadyLoad(sidecarSockets(folder).outbound, 100);
  }

  static async start(world: AgentWorld, flags: readonly string[]): Promise<Sidecars> {
    const start = async (role: 'server' | 'client', own: string, peer: string): Promise<EnvoyProcess> => {
      const tokenFile = join(world.directory, `${own}.token`);
      await writeFile(tokenFile, await world.token(own));
      return startSidecar({
        binary: envoyBinary(),
        folder: world.directory,
        role,
        tokenFile,
        flags,
        agentSocketPath: world.socket,
        peer: `spiffe://cluster.local/ns/shop/sa/${peer}`,
      });
    };
    const [server, client] = await Promise.all([start('server', 'api', 'web'), start('client', 'web', 'api')]);
    await Promise.all([server.untilLive(), client.untilLive()]);
    const sidecars = new Sidecars(world.directory, server, client);
    await sidecars.untilMoreRequests(10);
    return sidecars;
  }

  async untilMoreRequests(more: number): Promise<void> {
    const goal = this.load.count.ok + more;
    await eventually(`${more} requests more`, async () => this.load.count.ok >= goal);
  }

  /** Resolves once the server's Envoy has asked for its certificate again. */
  async untilPolled(): Promise<void> {
    const polls = () => this.server.count(/^sds\.default\.update_attempt$/);
    const before = await polls();
    // The next one may have been on its way.
    await eventually('it has asked twice', async () => (await polls()) >= before + 2);
  }

  /** The certificate that the server presents. */
  async serial(): Promise<string> {
    const { leaves } = await this.server.certificates();
    return leaves.map(({ serial_number }) => serial_number).join();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.stop();
    await Promise.all([this.server.stop(), this.#client.stop()]);
    this.#app.close();
    this.#app.closeAllConnections();
  }
}
