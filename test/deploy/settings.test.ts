import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadSettings } from '../../src/config/load-settings.ts';
import { settingsByName } from '../../src/config/sections.ts';
import { WITHOUT_HELM } from './harness/deploy-tools.ts';
import { type Container, environmentOf, type Manifest, podSpecOf, readManifests } from './harness/manifests.ts';
import { renderObjects } from './harness/render-chart.ts';

/** What Kubernetes sets in every container. */
const CLUSTER = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

/** What the kubelet puts in, by the path of the field that is asked for. */
const FIELDS: Readonly<Record<string, string>> = { 'spec.nodeName': 'node-1' };

/** The environment as the container gets it. */
function wholeEnvironmentOf(container: Container): Readonly<Record<string, string>> {
  const told = (container.env ?? []).flatMap(({ name, valueFrom }) => {
    const value = FIELDS[valueFrom?.fieldRef?.fieldPath ?? ''];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...CLUSTER, ...environmentOf(container), ...Object.fromEntries(told) };
}

const isOurs = ({ image }: Container): boolean => image.startsWith('sds-node-agent:');

function containersIn(objects: readonly Manifest[]): readonly Container[] {
  return objects.flatMap((object) => podSpecOf(object)?.containers ?? []).filter(isOurs);
}

function assertRealSettings(where: string, containers: readonly Container[]): void {
  assert.ok(containers.length > 0, `${where} has no container of ours`);
  for (const container of containers) {
    const names = (container.env ?? []).map(({ name }) => name);
    const unknown = names.filter((name) => !settingsByName.has(name) && !name.startsWith('CA_HEADER_'));
    assert.deepEqual(unknown, [], `${where}, container ${container.name}: no settings`);
    assert.doesNotThrow(() => loadSettings(wholeEnvironmentOf(container)), where);
  }
}

describe('every environment variable is a setting, with a value that it allows', { skip: WITHOUT_HELM }, () => {
  for (const { file, objects } of readManifests('deploy')) {
    if (containersIn(objects).length > 0) {
      test(`in deploy/${file}`, () => assertRealSettings(file, containersIn(objects)));
    }
  }

  test('in what the chart renders for sidecars without tokens', async () => {
    assertRealSettings('tokenless', containersIn(await renderObjects({ tokenless: true })));
  });

  test('in what the chart renders for gateways', async () => {
    const values = { gatewaySecrets: { namespace: 'istio-system' } };
    assertRealSettings('gatewaySecrets', containersIn(await renderObjects(values)));
  });

  test('in what the chart renders with a policy', async () => {
    assertRealSettings('policy', containersIn(await renderObjects({ policy: { rules: [] } })));
  });
});
