import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { applyConfigMap } from '../../src/kubernetes/apply-config-map.ts';
import { KubernetesWorld } from './kubernetes-world.ts';

const signal = AbortSignal.timeout(60_000);
const CONTENT = { namespace: 'sds-system', name: 'roots' };

test('a config map is made, changed, and its keys of others are left alone', async () => {
  await using world = await KubernetesWorld.start();
  const read = (): unknown => world.api.store('configmaps').get('sds-system', 'roots')?.data;
  await applyConfigMap(world.client, { ...CONTENT, data: { 'a.pem': 'one', 'b.pem': 'two' } }, signal);
  assert.deepEqual(read(), { 'a.pem': 'one', 'b.pem': 'two' });

  world.api.store('configmaps').put({ ...CONTENT, fields: { data: { 'a.pem': 'one', 'b.pem': 'two', note: 'mine' } } });
  await applyConfigMap(world.client, { ...CONTENT, data: { 'a.pem': 'new' } }, signal);
  assert.deepEqual(read(), { 'a.pem': 'new', note: 'mine' });
  assert.equal(world.api.count('patch configmaps'), 2);
});

test('a right that is missing is named as a rule', async () => {
  await using world = await KubernetesWorld.start();
  world.api.forbidden.add('patch configmaps');
  await assert.rejects(applyConfigMap(world.client, { ...CONTENT, data: {} }, signal), (thrown) => {
    assert.ok(thrown instanceof AgentError);
    assert.equal(thrown.code, 'kubernetes-permission-denied');
    assert.match(thrown.message, /resources: \["configmaps"\], verbs: \["patch"\]/);
    return true;
  });
});
