import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../demo/processes/eventually.ts';
import { freePort } from '../../demo/processes/free-port.ts';
import { runToEnd } from '../../demo/processes/run-to-end.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { KubernetesApi } from '../fakes/kubernetes-api.ts';
import { inCheckout } from './harness/checkout.ts';
import { onlyPodSpec, readManifests } from './harness/manifests.ts';
import { PlayedPod } from './harness/played-pod.ts';

const NAMESPACE = 'sds-node-agent';
const MANIFESTS = readManifests('deploy')
  .filter(({ file }) => !file.includes('/'))
  .flatMap(({ objects }) => objects);

/** What `fetch --json` shows of a secret. */
async function fetchChain(
  socket: string,
  tokenFile: string,
): Promise<{ readonly status: unknown; readonly out: string }> {
  const args = ['fetch', 'default', '--socket', socket, '--token-file', tokenFile, '--json'];
  const { status, stdout, stderr } = await runToEnd(inCheckout('bin', 'sds-node-agent'), args);
  return { status, out: stdout + stderr };
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cluster-'));
  // The pods are of another user.
  chmodSync(folder, 0o755);
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('deploy/ works: agents of two nodes wait for the CA’s root, and serve certificates of one CA to pods', {
  timeout: 120_000,
}, async (t) => {
  const folder = newFolder(t);
  const newPart = (name: string): string => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  };
  await using api = await KubernetesApi.start({ clock: systemClock });
  const port = await freePort();
  const address = 'sds-node-agent-ca.sds-node-agent.svc:15012';
  const image = await runToEnd(process.execPath, [inCheckout('scripts', 'image-root.mjs'), folder]);
  assert.equal(image.status, 0, image.stderr);
  const world = {
    api,
    app: join(folder, 'app'),
    namespace: NAMESPACE,
    replaced: { [address]: `127.0.0.1:${port}`, '--listen=0.0.0.0:15012': `--listen=127.0.0.1:${port}` },
    extraEnv: { CA_SERVER_NAME: address.replace(/:\d+$/, '') },
  };
  const agentSpec = onlyPodSpec(MANIFESTS, 'DaemonSet');
  const [one, other] = ['node-1', 'node-2'].map((name) => ({
    ...world,
    folder: newPart(`${name}-agent`),
    nodeFolder: newPart(name),
  }));
  assert.ok(one !== undefined && other !== undefined);
  assert.equal(PlayedPod.start(agentSpec, one), undefined, 'without the root no agent starts');

  const caWorld = { ...world, extraEnv: {}, folder: newPart('ca'), nodeFolder: folder };
  await using ca = PlayedPod.start(onlyPodSpec(MANIFESTS, 'Deployment'), caWorld) ?? assert.fail();
  const start = (surroundings: typeof one): Promise<PlayedPod> =>
    eventually('the root is published', async () => PlayedPod.start(agentSpec, surroundings), {
      check: () => ca.assertRunning(),
    });
  await using first = await start(one);
  await using second = await start(other);

  const token = join(folder, 'token');
  writeFileSync(token, api.podToken(api.addPod('shop', 'web-1', 'web')));
  const root = api.store('configmaps').get(NAMESPACE, 'sds-node-agent-ca-root')?.data?.['root-cert.pem'] ?? '';
  assert.ok(new X509Certificate(root).ca);
  for (const [agent, { nodeFolder }] of [
    [first, one],
    [second, other],
  ] as const) {
    const socket = join(nodeFolder, '_var_run_sds', 'uds_path');
    const shown = await eventually(
      'the agent serves',
      async () => {
        const { status, out } = await fetchChain(socket, token);
        if (status !== 0) throw new Error(out);
        return out;
      },
      { check: () => agent.assertRunning() },
    );
    assert.match(shown, /spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web/);
  }
  assert.ok(api.count('create tokenreviews') >= 3, 'each agent and the CA have asked whose token it is');
});
