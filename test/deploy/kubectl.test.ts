import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { inCheckout } from './harness/checkout.ts';
import { kubectlBinary, WITHOUT_KUBECTL } from './harness/deploy-tools.ts';
import { type Manifest, parseManifests, readManifests } from './harness/manifests.ts';

const run = promisify(execFile);

/** What kubectl has to know of an API to find the path of an object. */
const RESOURCES: Readonly<Record<string, readonly (readonly [kind: string, plural: string, namespaced: boolean])[]>> = {
  v1: [
    ['Namespace', 'namespaces', false],
    ['Service', 'services', true],
    ['ServiceAccount', 'serviceaccounts', true],
    ['PersistentVolumeClaim', 'persistentvolumeclaims', true],
  ],
  'apps/v1': [
    ['Deployment', 'deployments', true],
    ['DaemonSet', 'daemonsets', true],
  ],
  'rbac.authorization.k8s.io/v1': [
    ['Role', 'roles', true],
    ['RoleBinding', 'rolebindings', true],
    ['ClusterRole', 'clusterroles', false],
    ['ClusterRoleBinding', 'clusterrolebindings', false],
  ],
};

/** Discovery, and POST of anything into a namespace that is there: an API server as `kubectl apply` sees it. */
async function startApiServer(
  t: TestContext,
): Promise<{ readonly url: string; readonly created: readonly Manifest[] }> {
  const created: Manifest[] = [];
  const groups = Object.keys(RESOURCES).filter((version) => version.includes('/'));
  const toVersion = (groupVersion: string): object => ({ groupVersion, version: groupVersion.split('/')[1] });
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const asked = pathname.replace(/^\/apis?\//, '');
    if (pathname === '/api') return answer(200, { kind: 'APIVersions', versions: ['v1'] });
    if (pathname === '/apis') {
      const list = groups.map((version) => {
        return { name: version.split('/')[0], versions: [toVersion(version)], preferredVersion: toVersion(version) };
      });
      return answer(200, { kind: 'APIGroupList', apiVersion: 'v1', groups: list });
    }
    const known = RESOURCES[asked];
    if (known !== undefined) {
      const resources = known.map(([kind, name, namespaced]) => ({ kind, name, namespaced, verbs: ['create', 'get'] }));
      return answer(200, { kind: 'APIResourceList', groupVersion: asked, resources });
    }
    if (request.method !== 'POST') return answer(404, { kind: 'Status', reason: 'NotFound', code: 404 });
    const object: Manifest = JSON.parse(await text(request));
    const { namespace } = object.metadata;
    const isThere = created.some(({ kind, metadata }) => kind === 'Namespace' && metadata.name === namespace);
    if (namespace !== undefined && !isThere) return answer(404, { kind: 'Status', reason: 'NotFound', code: 404 });
    created.push(object);
    return answer(201, object);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, created };
}

async function kubectl(t: TestContext, ...args: readonly string[]): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'kubectl-'));
  t.after(() => rmSync(home, { recursive: true }));
  const { stdout } = await run(kubectlBinary(), args, { env: { HOME: home }, maxBuffer: 16 << 20 });
  return stdout;
}

const named = (objects: readonly Manifest[]): readonly string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`).sort();

describe('deploy/ with kubectl', { skip: WITHOUT_KUBECTL }, () => {
  const wanted = readManifests('deploy')
    .filter(({ file }) => !file.includes('/'))
    .flatMap(({ objects }) => objects);

  test('`kubectl apply -f deploy/` makes everything in one go, into a cluster that has none of it', async (t) => {
    const api = await startApiServer(t);
    await kubectl(t, '--server', api.url, 'apply', '--validate=false', '-f', inCheckout('deploy'));
    assert.deepEqual(named(api.created), named(wanted));
  });

  test('`kubectl apply -k deploy/` makes the same', async (t) => {
    const built = parseManifests(await kubectl(t, 'kustomize', inCheckout('deploy')));
    assert.deepEqual(named(built), named(wanted));
    assert.deepEqual(
      built.find(({ kind }) => kind === 'DaemonSet')?.spec,
      wanted.find(({ kind }) => kind === 'DaemonSet')?.spec,
    );
  });
});
