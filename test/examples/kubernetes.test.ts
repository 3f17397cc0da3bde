import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { runToEnd } from '../../demo/processes/run-to-end.ts';
import { SDS_MODES } from '../../src/cli/envoy-bootstrap/bootstrap-options.ts';
import { type Manifest, podSpecOf, readManifests } from '../deploy/harness/manifests.ts';
import { envoyBinary, WITHOUT_ENVOY } from '../envoy/harness/envoy-binary.ts';

const EXAMPLES = readManifests('examples', 'kubernetes');

/** Where a pod of the examples has its files. */
const PLACES = ['/etc/envoy', '/var/run/secrets/tokens'];

/** What a ConfigMap and the kubelet put into a pod, below a folder, and the bootstrap with its paths there. */
function layOut(t: TestContext, { data = {} }: Manifest): string {
  const folder = mkdtempSync(join(tmpdir(), 'example-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const moved = (text: string): string => PLACES.reduce((moving, place) => moving.replaceAll(place, folder), text);
  for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), moved(text));
  writeFileSync(join(folder, 'istio-token'), 'token');
  return join(folder, 'envoy.yaml');
}

test('there is an example for each mode', () => {
  const files = EXAMPLES.map(({ file }) => file);
  for (const mode of SDS_MODES) assert.ok(files.includes(`sidecars-${mode}.yaml`), mode);
});

for (const { file, objects } of EXAMPLES) {
  test(`${file}: pods mount the directory of the socket read-only, and run without rights`, () => {
    const pods = objects.flatMap((object) => podSpecOf(object) ?? []);
    assert.ok(pods.length > 0);
    for (const { containers, volumes, securityContext } of pods) {
      const directories = volumes.filter(({ hostPath }) => hostPath !== undefined);
      assert.ok(directories.length > 0);
      for (const { name, hostPath } of directories) {
        assert.equal(hostPath?.type, 'Directory');
        const mounts = containers.flatMap(({ volumeMounts = [] }) =>
          volumeMounts.filter((mount) => mount.name === name),
        );
        assert.ok(mounts.length > 0 && mounts.every(({ readOnly }) => readOnly === true));
      }
      const { runAsNonRoot } = securityContext;
      assert.equal(runAsNonRoot, true);
      for (const { securityContext: rights } of containers) {
        const { allowPrivilegeEscalation, capabilities } = rights;
        assert.deepEqual([allowPrivilegeEscalation, capabilities], [false, { drop: ['ALL'] }]);
      }
    }
  });

  test(`${file}: a token is for the audience istio-ca alone, and the pod has no other`, () => {
    for (const { volumes, automountServiceAccountToken } of objects.flatMap((object) => podSpecOf(object) ?? [])) {
      const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
      for (const { serviceAccountToken } of sources) {
        assert.match(JSON.stringify(serviceAccountToken), /"path":"istio-token","audience":"istio-ca"/);
      }
      assert.equal(automountServiceAccountToken, false);
    }
  });
}

describe('the bootstraps of the examples', { skip: WITHOUT_ENVOY, timeout: 120_000 }, () => {
  for (const { file, objects } of EXAMPLES) {
    for (const configMap of objects.filter(({ kind }) => kind === 'ConfigMap')) {
      test(`${file}: that of ${configMap.metadata.name} is valid`, async (t) => {
        const path = layOut(t, configMap);
        const { stdout, stderr } = await runToEnd(envoyBinary(), ['--mode', 'validate', '-c', path]);
        // Its exit status says nothing: with google_grpc Envoy crashes after this line.
        assert.match(stdout + stderr, /configuration '.*' OK/);
      });
    }
  }
});
