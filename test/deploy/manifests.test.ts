import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WITHOUT_HELM, WITHOUT_SCHEMAS } from './harness/deploy-tools.ts';
import { KubernetesSchema, kubernetesVersions } from './harness/kubernetes-schema.ts';
import { type Manifest, readManifests } from './harness/manifests.ts';
import { renderAll } from './harness/render-chart.ts';

/** Every value that changes what is rendered is somewhere in these. */
const VALUES: Readonly<Record<string, object>> = {
  'everything that is off by default': {
    imagePullSecrets: [{ name: 'registry' }],
    image: { digest: `sha256:${'0'.repeat(64)}` },
    settings: { WORKLOAD_RSA_KEY_SIZE: 4096, SECRET_GRACE_PERIOD_RATIO: 0.4, PKCS8_KEY: false, MONITORING_PORT: 15020 },
    tokenless: true,
    gatewaySecrets: { namespace: 'istio-system' },
    policy: { rules: [{ name: 'shop' }] },
    criticalPodsQuota: true,
    affinity: { nodeAffinity: {} },
    podAnnotations: { a: 'b' },
    podLabels: { c: 'd' },
    seLinuxOptions: { type: 'spc_t' },
    extraVolumes: [{ name: 'certs', secret: { secretName: 'certs' } }],
    extraVolumeMounts: [{ name: 'certs', mountPath: '/certs' }],
    networkPolicy: { enabled: true, monitoringFrom: [{ namespaceSelector: {} }] },
    namespace: { create: true },
    ca: {
      settings: { LOG_LEVEL: 'debug' },
      extraDnsNames: ['ca.example.net'],
      storage: { storageClassName: 'fast' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { podAffinity: {} },
    },
  },
  'a claim that is there already': { ca: { storage: { existingClaim: 'old' } } },
  'without annotations and PID namespace': { prometheusAnnotations: false, hostPID: false },
  'the embedded CA': { preset: 'embedded' },
  'values of Istio': { nodeagent: { enabled: true, image: 'node-agent-k8s', env: { CA_PROVIDER: 'Citadel' } } },
};

/** Objects of the Prometheus Operator have a test of their own. */
const isKubernetes = ({ apiVersion }: Manifest): boolean => !apiVersion.startsWith('monitoring.coreos.com/');

function assertValid(schema: KubernetesSchema, where: string, objects: readonly Manifest[]): void {
  for (const object of objects.filter(isKubernetes)) {
    assert.deepEqual(schema.faultsOf(object), [], `${where}: ${object.kind} ${object.metadata.name}`);
  }
}

describe("manifests against Kubernetes' own schemas", { skip: WITHOUT_SCHEMAS || WITHOUT_HELM }, () => {
  const versions = WITHOUT_SCHEMAS ? [] : kubernetesVersions();

  test('there are schemas from the oldest version that the chart accepts up to that of the facts', () => {
    assert.equal(versions[0], '1.25.0');
    assert.ok(versions.includes('1.36.0'));
  });

  for (const version of versions) {
    test(`the plain manifests and examples are valid in ${version}`, () => {
      const schema = new KubernetesSchema(version);
      const files = [...readManifests('deploy'), ...readManifests('examples', 'kubernetes')];
      assert.ok(files.length > 10);
      for (const { file, objects } of files) {
        assert.ok(objects.length > 0, file);
        assertValid(schema, file, objects);
      }
    });
  }

  test('what the chart renders is valid in every version, whatever the values', async () => {
    const { rendered } = await renderAll(Object.values(VALUES));
    for (const version of versions) {
      const schema = new KubernetesSchema(version);
      Object.keys(VALUES).forEach((name, index) => {
        const result = rendered[index];
        assert.equal(result?.error, undefined, name);
        assertValid(schema, `${version}, ${name}`, result?.objects ?? []);
      });
    }
  });

  test('a field that Kubernetes does not know is a fault, and so is one of the wrong type, and one of a later version', () => {
    const daemonSet = (spec: object): Manifest => ({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'a' },
      spec: { selector: {}, template: { spec: { containers: [{ name: 'a', ...spec }] } } },
    });
    const [newest, oldest] = [new KubernetesSchema('1.37.0'), new KubernetesSchema('1.25.0')];
    assert.deepEqual(newest.faultsOf(daemonSet({})), []);
    assert.match(newest.faultsOf(daemonSet({ imagePolicy: 'Always' })).join(), /imagePolicy/);
    assert.match(newest.faultsOf(daemonSet({ args: 'run' })).join(), /args must be array/);
    assert.match(newest.faultsOf(daemonSet({ args: null })).join(), /args is null/);
    const restartable = daemonSet({ restartPolicy: 'Always' });
    assert.deepEqual(newest.faultsOf(restartable), []);
    assert.match(oldest.faultsOf(restartable).join(), /restartPolicy/);
  });
});
