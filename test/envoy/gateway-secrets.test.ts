import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../../demo/processes/eventually.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { days } from '../fakes/fake-clock.ts';
import { KubernetesApi } from '../fakes/kubernetes-api.ts';
import { type PemPair, WebCa } from '../fakes/web-ca.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { renamed } from './harness/renamed.ts';
import { API, inWorld, spiffeIdOf, WEB, type World } from './harness/world.ts';

/** Gateways of the namespace `test`, as the workloads of the harness are. */
describe('a real Envoy as a gateway', { skip: WITHOUT_ENVOY }, () => {
  it('waits for its Secret, and loses no request when that is renewed, broken, deleted and back', {
    timeout: 120_000,
  }, async () => {
    const folder = mkdtempSync('/tmp/sds-gateway-');
    const api = await KubernetesApi.start({ clock: systemClock });
    try {
      writeFileSync(join(folder, 'token'), api.agentToken());
      const settings = {
        GATEWAY_SECRETS_NAMESPACE: API.namespace,
        GATEWAY_SDS_UDS_PATH: join(folder, 'uds_path'),
        KUBERNETES_API_SERVER: api.url,
        KUBERNETES_API_TOKEN_FILE: join(folder, 'token'),
      };
      await inWorld((world) => renewUnderLoad(world, api, settings.GATEWAY_SDS_UDS_PATH), settings);
    } finally {
      await api[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    }
  });
});

async function renewUnderLoad(world: World, api: KubernetesApi, agentSocketPath: string): Promise<void> {
  const ca = await WebCa.create(Date.now());
  const issue = (): Promise<PemPair> => ca.issue(spiffeIdOf(API), Date.now() - 60_000, Date.now() + days(1));
  const put = ({ chain, key }: PemPair): void => {
    const data = { 'tls.crt': btoa(chain), 'tls.key': btoa(key), 'ca.crt': btoa(ca.rootPem) };
    const fields = { type: 'kubernetes.io/tls', data };
    api.store('secrets').put({ namespace: API.namespace, name: 'shop', fields });
  };
  await world.agent.start();
  const gateway = world.startEnvoy('server', await world.agent.mintToken(API), [], {
    agentSocketPath,
    edit: (bootstrap) => renamed(bootstrap, 'default', 'kubernetes://shop'),
  });
  const client = world.startEnvoy('client', await world.agent.mintToken(WEB), [], {
    agentSocketPath,
    edit: (bootstrap) => renamed(bootstrap, 'ROOTCA', 'shop-cacert'),
  });
  await untilStatus(world, /kubernetes:\/\/shop +wanted/);
  assert.equal(await gateway.isLive(), false, 'it waits for its certificate');
  put(await issue());
  await Promise.all([gateway.untilLive(), client.untilLive()]);
  const serial = async (): Promise<string> => (await gateway.certificates()).leaves[0]?.serial_number ?? '';
  const untilNew = async (before: string): Promise<void> => {
    await eventually('the gateway uses the new certificate', async () => (await serial()) !== before);
    await world.untilMoreRequests(50);
  };

  const load = await world.startLoad();
  const first = await serial();
  put(await issue());
  await untilNew(first);
  const second = await serial();
  put({ ...(await issue()), key: (await issue()).key });
  await untilStatus(world, /kubernetes:\/\/shop +stale/);
  api.store('secrets').delete(API.namespace, 'shop');
  await untilStatus(world, /kubernetes:\/\/shop +gone/);
  await world.untilMoreRequests(50);
  assert.equal(await serial(), second);
  put(await issue());
  await untilNew(second);
  await load.stop();
  assert.ok(load.count.ok > 0, 'requests have been answered');
  assert.deepEqual(load.count.failures, []);
  assert.equal(await gateway.count(/\.update_rejected$/), 0);
  assert.equal(await client.count(/\.update_rejected$/), 0);
}

async function untilStatus(world: World, wanted: RegExp): Promise<void> {
  await eventually(`the status shows ${wanted}`, async () => wanted.test(await world.agent.command('status')));
}
