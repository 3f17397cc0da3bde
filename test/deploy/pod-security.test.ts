import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDuration } from '../../src/config/duration.ts';
import { settingsByName } from '../../src/config/sections.ts';
import {
  type Container,
  type Manifest,
  onlyOne,
  onlyPodSpec,
  type PodSpec,
  readManifests,
} from './harness/manifests.ts';

const MANIFESTS = new Map(readManifests('deploy').map(({ file, objects }) => [file, objects]));

const objectsOf = (file: string): readonly Manifest[] => MANIFESTS.get(file) ?? assert.fail(`${file} is missing`);

const AGENTS = [
  'daemonset.yaml',
  'presets/istiod.yaml',
  'presets/istio-csr.yaml',
  'presets/vault.yaml',
  'presets/embedded.yaml',
];

function assertWithoutRights({ name, securityContext }: Container): void {
  const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities, privileged } = securityContext;
  assert.deepEqual(
    { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities, privileged },
    {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      privileged: undefined,
    },
    name,
  );
}

function assertNotRoot({ securityContext, containers }: PodSpec): void {
  const { runAsNonRoot, runAsUser, seccompProfile } = securityContext;
  assert.equal(runAsNonRoot, true);
  assert.ok(Number(runAsUser) > 1000, 'a user of its own');
  assert.deepEqual(seccompProfile, { type: 'RuntimeDefault' });
  for (const container of containers) {
    assertWithoutRights(container);
    assert.ok(!('runAsUser' in container.securityContext));
  }
}

describe('the agents’ pods', () => {
  for (const file of AGENTS) {
    test(`${file}: not root, no rights, not in the network of the node`, () => {
      const pod = onlyPodSpec(objectsOf(file), 'DaemonSet');
      assertNotRoot(pod);
      assert.equal(pod.hostNetwork, undefined);
      assert.equal(pod.hostPID, true);
    });

    test(`${file}: root is the init container alone, with the right to give directories away and no other`, () => {
      const { initContainers = [] } = onlyPodSpec(objectsOf(file), 'DaemonSet');
      const [first, ...others] = initContainers;
      assert.deepEqual(others, []);
      const { runAsUser, capabilities, allowPrivilegeEscalation, readOnlyRootFilesystem } =
        first?.securityContext ?? {};
      assert.deepEqual(
        { runAsUser, capabilities, allowPrivilegeEscalation, readOnlyRootFilesystem },
        {
          runAsUser: 0,
          capabilities: { drop: ['ALL'], add: ['CHOWN'] },
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
        },
      );
    });

    test(`${file}: directories of the node are those of the sockets and of the embedded CA, and no files`, () => {
      const { volumes, containers } = onlyPodSpec(objectsOf(file), 'DaemonSet');
      const paths = volumes.flatMap(({ hostPath }) => hostPath ?? []);
      const state = file.endsWith('embedded.yaml')
        ? [{ path: '/var/lib/sds-node-agent', type: 'DirectoryOrCreate' }]
        : [];
      assert.deepEqual(paths, [{ path: '/var/run/sds', type: 'DirectoryOrCreate' }, ...state]);
      const admin = volumes.find(({ name }) => name === 'admin');
      assert.ok(admin?.emptyDir !== undefined, 'no other pod may have the admin socket');
      assert.ok(containers[0]?.volumeMounts?.some(({ mountPath }) => mountPath === '/var/run/sds-admin'));
    });

    test(`${file}: on every node, one after the other, before others, with time to drain`, () => {
      const pod = onlyPodSpec(objectsOf(file), 'DaemonSet');
      assert.deepEqual(pod.tolerations, [{ operator: 'Exists' }]);
      assert.equal(pod.priorityClassName, 'system-node-critical');
      const { spec: { updateStrategy } = {} } = onlyOne(objectsOf(file), 'DaemonSet');
      assert.deepEqual(updateStrategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } });
      const drainMs = parseDuration(settingsByName.get('DRAIN_TIMEOUT')?.default ?? '') ?? assert.fail();
      assert.ok(pod.terminationGracePeriodSeconds * 1000 >= 2 * drainMs);
    });

    test(`${file}: is asked for life and readiness where the agent answers`, () => {
      const [agent] = onlyPodSpec(objectsOf(file), 'DaemonSet').containers;
      assert.equal(agent?.livenessProbe?.httpGet.path, '/healthz/live');
      assert.equal(agent?.readinessProbe?.httpGet.path, '/healthz/ready');
    });
  }
});

test('the CA’s pod is not root, has no rights, and nothing of the node', () => {
  const pod = onlyPodSpec(objectsOf('ca.yaml'), 'Deployment');
  assertNotRoot(pod);
  assert.deepEqual(pod.initContainers, undefined);
  assert.equal(pod.hostPID, undefined);
  assert.ok(pod.volumes.every(({ hostPath }) => hostPath === undefined));
});

test('what grants more than the default lies where `kubectl apply -f deploy/` does not look', () => {
  const granted = [...MANIFESTS]
    .filter(([file]) => !file.includes('/'))
    .flatMap(([, objects]) => objects.flatMap(({ rules = [] }) => rules))
    .map(({ resources, verbs, resourceNames }) => `${verbs} ${resources}${resourceNames ? ` ${resourceNames}` : ''}`);
  assert.deepEqual(granted, ['create tokenreviews', 'create configmaps', 'patch configmaps sds-node-agent-ca-root']);
});

test('the namespace is there before what is in it: files are applied by name', () => {
  const [first] = readManifests('deploy');
  assert.deepEqual(
    first?.objects.map(({ kind }) => kind),
    ['Namespace'],
  );
});
