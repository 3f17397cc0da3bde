import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import type { WorkloadName } from '../../demo/processes/agent-process.ts';
import { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { SteadyLoad } from '../../demo/processes/steady-load.ts';
import { envoyBinary, WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { inWorld, spiffeIdOf, type World } from './harness/world.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples/control-plane');

/** Whose Envoys the examples are. */
const PILOT: WorkloadName = { namespace: 'istio-system', serviceAccount: 'istio-pilot-service-account' };
const MIXER: WorkloadName = { namespace: 'istio-system', serviceAccount: 'istio-mixer-service-account' };
const WEB: WorkloadName = { namespace: 'shop', serviceAccount: 'web' };
const STRANGER: WorkloadName = { namespace: 'shop', serviceAccount: 'stranger' };

/** Ports of the examples: of Pilot and Mixer themselves, and of the Envoys before them. */
const PORT = { pilot: 15010, mixer: 9091, discovery: 15011, toMixer: 15005 };
const ADMIN_PORT = 15000;

const DISCOVERY = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';

/** A program of the control plane: takes HTTP/2 in plaintext, and keeps the streams on which it configures Envoys. */
class Program {
  readonly streams: ServerHttp2Stream[] = [];
  readonly #server: Http2Server = createServer();

  constructor(socketPath: string) {
    this.#server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      if (headers[':path'] === DISCOVERY) this.streams.push(stream);
      else stream.respond({ ':status': 200 }, { endStream: true });
    });
    this.#server.listen(socketPath);
  }

  async end(): Promise<void> {
    for (const { session } of this.streams) session?.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The control plane of the examples on one node, with unix sockets in place of ports. */
class ControlPlane {
  readonly pilot: Program;
  readonly mixer: Program;
  readonly #world: World;
  readonly #envoys: EnvoyProcess[] = [];

  constructor(world: World) {
    this.#world = world;
    this.pilot = new Program(this.socket(PORT.pilot));
    this.mixer = new Program(this.socket(PORT.mixer));
  }

  socket(port: number): string {
    return join(this.#world.folder, `${port}.sock`);
  }

  /** Starts an Envoy with the file of the examples, as a workload; `edit` changes the file's text. */
  async start(example: string, workload: WorkloadName, edit = (text: string): string => text): Promise<EnvoyProcess> {
    const tokenFile = await this.#world.agent.mintToken(workload);
    const text = edit(readFileSync(join(EXAMPLES, `${example}.yaml`), 'utf8'))
      .replaceAll('/var/run/sds/uds_path', this.#world.agent.socketPath)
      .replaceAll('/var/run/secrets/tokens/istio-token', tokenFile)
      .replaceAll('STRICT_DNS', 'STATIC');
    const bootstrap = JSON.parse(JSON.stringify(parse(text)), (_, value) => this.#toSocket(example, value));
    const envoy = new EnvoyProcess(envoyBinary(), this.#world.folder, example, bootstrap);
    this.#envoys.push(envoy);
    return envoy;
  }

  async end(): Promise<void> {
    await Promise.all(this.#envoys.map((envoy) => envoy.stop()));
    await Promise.all([this.pilot.end(), this.mixer.end()]);
  }

  #toSocket(example: string, value: { readonly socket_address?: { readonly port_value: number } }): unknown {
    const port = value?.socket_address?.port_value;
    if (port === undefined) return value;
    const path = port === ADMIN_PORT ? EnvoyProcess.adminPath(this.#world.folder, example) : this.socket(port);
    return { pipe: { path } };
  }
}

async function inControlPlane(work: (plane: ControlPlane, world: World) => Promise<void>): Promise<void> {
  await inWorld(async (world) => {
    await world.agent.start();
    const plane = new ControlPlane(world);
    try {
      await work(plane, world);
    } finally {
      await plane.end();
    }
  });
}

describe('the control plane of examples/control-plane with real Envoys', { skip: WITHOUT_ENVOY }, () => {
  it('has its own certificates from the agent, and configures the sidecars that it names', { timeout: 120_000 }, () =>
    inControlPlane(async (plane) => {
      const pilot = await plane.start('pilot', PILOT);
      await pilot.untilLive();
      const sidecar = await plane.start('sidecar', WEB);
      await eventually('Pilot is asked by the sidecar', async () => plane.pilot.streams.length > 0);
      for (const [envoy, workload] of [
        [pilot, PILOT],
        [sidecar, WEB],
      ] as const) {
        const { leaves } = await envoy.certificates();
        assert.deepEqual(
          leaves.map((leaf) => leaf.subject_alt_names),
          [[{ uri: spiffeIdOf(workload) }]],
        );
      }
    }),
  );

  it('does not configure a workload that it does not name', { timeout: 120_000 }, () =>
    inControlPlane(async (plane) => {
      const pilot = await plane.start('pilot', PILOT);
      await pilot.untilLive();
      await plane.start('sidecar', STRANGER);
      await eventually('Pilot refuses', async () => (await pilot.count(/\.ssl\.fail_verify_san$/)) > 0);
      assert.equal(plane.pilot.streams.length, 0);
    }),
  );

  it('is not obeyed by a sidecar when it is somebody else', { timeout: 120_000 }, () =>
    inControlPlane(async (plane) => {
      const impostor = await plane.start('pilot', STRANGER);
      await impostor.untilLive();
      const sidecar = await plane.start('sidecar', WEB);
      await eventually('the sidecar refuses', async () => (await sidecar.count(/\.ssl\.fail_verify_san$/)) > 0);
      assert.equal(plane.pilot.streams.length, 0);
    }),
  );

  it('rotates without losing a report to Mixer or the stream to a sidecar', { timeout: 120_000 }, () =>
    inControlPlane(async (plane, world) => {
      // A handshake for every request.
      const often = (text: string): string =>
        text.replaceAll(
          'explicit_http_config: {',
          'common_http_protocol_options: { max_requests_per_connection: 1 }\n          explicit_http_config: {',
        );
      const pilot = await plane.start('pilot', PILOT, often);
      const mixer = await plane.start('mixer', MIXER);
      await Promise.all([pilot.untilLive(), mixer.untilLive()]);
      await plane.start('sidecar', WEB);
      await eventually('Pilot is asked by the sidecar', async () => plane.pilot.streams.length > 0);

      const load = new SteadyLoad(plane.socket(PORT.toMixer), 50);
      const serials = async (): Promise<string[]> => {
        const held = await Promise.all([pilot, mixer].map((envoy) => envoy.certificates()));
        return held.map(({ leaves }) => leaves[0]?.serial_number ?? '');
      };
      try {
        for (let round = 0; round < 2; round++) {
          const before = await serials();
          const answered = load.count.ok;
          await world.agent.command('rotate', '--all');
          await eventually('both use new certificates', async () => {
            return (await serials()).every((serial, index) => serial !== before[index]);
          });
          await eventually('reports after it', async () => load.count.ok > answered + 20);
        }
      } finally {
        await load.stop();
      }
      assert.deepEqual(load.count.failures, []);
      assert.ok((await mixer.count(/^listener\..*\.ssl\.handshake$/)) >= load.count.ok, 'a handshake a request');
      assert.equal(plane.pilot.streams.length, 1);
      assert.equal(plane.pilot.streams[0]?.closed, false);
    }),
  );
});
