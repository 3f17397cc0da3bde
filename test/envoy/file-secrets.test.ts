import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { days } from '../fakes/fake-clock.ts';
import { type PemPair, WebCa } from '../fakes/web-ca.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { renamed } from './harness/renamed.ts';
import { WAYS } from './harness/ways.ts';
import { API, inWorld, spiffeIdOf, WEB, type World } from './harness/world.ts';

const folder = mkdtempSync('/tmp/sds-volume-');
after(() => rmSync(folder, { recursive: true }));

/** A Kubernetes Secret as the kubelet mounts it, and its names for Envoys. */
class Volume {
  readonly #directory: string;
  #generation = 0;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory);
  }

  get pairName(): string {
    return `file-cert:${this.#directory}/tls.crt~${this.#directory}/tls.key`;
  }

  get rootName(): string {
    return `file-root:${this.#directory}/ca.crt`;
  }

  /** All files at once: a new directory, and `..data` leads there. The old one is removed. */
  swap(files: Readonly<Record<string, string>>): void {
    const at = (name: string): string => join(this.#directory, name);
    const [old, fresh] = [`..${this.#generation}`, `..${++this.#generation}`];
    mkdirSync(at(fresh));
    for (const [name, content] of Object.entries(files)) writeFileSync(at(`${fresh}/${name}`), content);
    symlinkSync(fresh, at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
    if (this.#generation === 1) for (const name of Object.keys(files)) symlinkSync(`..data/${name}`, at(name));
    rmSync(at(old), { recursive: true, force: true });
  }
}

const { 'state of the world, google_grpc': sotw, 'delta, envoy_grpc': delta, rest } = WAYS;

describe('a real Envoy whose certificate is in files', { skip: WITHOUT_ENVOY }, () => {
  for (const [way, flags] of Object.entries({ 'state of the world': sotw, delta, rest })) {
    it(`loses no request to swaps of the volume, whole ones and torn ones: ${way}`, { timeout: 120_000 }, async () => {
      const volume = new Volume(join(folder, way.replaceAll(' ', '-')));
      await inWorld((world) => swapUnderLoad(world, volume, flags), { FILE_SECRET_DIRS: folder });
    });
  }
});

async function swapUnderLoad(world: World, volume: Volume, flags: readonly string[]): Promise<void> {
  const ca = await WebCa.create(Date.now());
  const issue = (): Promise<PemPair> => ca.issue(spiffeIdOf(API), Date.now() - 60_000, Date.now() + days(1));
  const swap = ({ chain, key }: PemPair): void =>
    volume.swap({ 'tls.crt': chain, 'tls.key': key, 'ca.crt': ca.rootPem });
  await world.agent.start();
  // The server's certificate and what the client trusts are in files; the client's and what the server trusts are not.
  const server = world.startEnvoy('server', await world.agent.mintToken(API), flags, {
    edit: (bootstrap) => renamed(bootstrap, 'default', volume.pairName),
  });
  const client = world.startEnvoy('client', await world.agent.mintToken(WEB), flags, {
    edit: (bootstrap) => renamed(bootstrap, 'ROOTCA', volume.rootName),
  });
  await untilPending(world, volume.pairName);
  assert.equal(await server.isLive(), false, 'it waits for its certificate');
  swap(await issue());
  await Promise.all([server.untilLive(), client.untilLive()]);
  const load = await world.startLoad();
  for (let count = 0; count < 3; count++) {
    const before = await serialOf(server);
    swap(await issue());
    await eventually('the server uses the new certificate', async () => (await serialOf(server)) !== before);
    await world.untilMoreRequests(50);
  }
  const good = await serialOf(server);
  const [one, other] = [await issue(), await issue()];
  swap({ chain: one.chain, key: other.key });
  await eventually('the agent tells that the pair is torn', async () =>
    /stale/.test(await world.agent.command('status')),
  );
  await world.untilMoreRequests(50);
  assert.equal(await serialOf(server), good);
  swap(one);
  await eventually('the server uses the mended pair', async () => (await serialOf(server)) !== good);
  await world.untilMoreRequests(50);
  await load.stop();
  assert.ok(load.count.ok > 0, 'requests have been answered');
  assert.deepEqual(load.count.failures, []);
  assert.equal(await server.count(/\.update_rejected$/), 0);
  assert.equal(await client.count(/\.update_rejected$/), 0);
}

async function untilPending(world: World, name: string): Promise<void> {
  await eventually('the server has asked for its certificate', async () => {
    return (await world.agent.command('status', '--json')).includes(name);
  });
}

async function serialOf(envoy: EnvoyProcess): Promise<string> {
  const { leaves } = await envoy.certificates();
  assert.equal(leaves.length, 1, 'one certificate is in use');
  return leaves[0]?.serial_number ?? '';
}
