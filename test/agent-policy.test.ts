import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dispatch } from '../src/cli/dispatch.ts';
import { AgentWorld, encodeRequest, FETCH_SECRETS, SecretStream } from './agent-world.ts';
import { RecordingIo } from './cli/recording-io.ts';
import { readMetrics } from './siege/read-metrics.ts';

const everybody = { name: 'all', effect: 'allow' };
const notWeb = { name: 'no web', effect: 'deny', namespaces: ['shop'], serviceAccounts: ['web'] };
const REFUSAL = 'spiffe://cluster.local/ns/shop/sa/web is not served: the policy\'s rule "no web" denies it';

/** A ConfigMap as the kubelet mounts it: what is in it changes all at once, by a link. */
class ConfigMap implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;
  #generation = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    this.path = join(directory, 'policy.json');
  }

  static async of(...rules: object[]): Promise<ConfigMap> {
    const map = new ConfigMap(await mkdtemp(join(tmpdir(), 'sds-policy-')));
    await map.hold({ rules });
    await symlink('..data/policy.json', map.path);
    return map;
  }

  async hold(content: unknown): Promise<void> {
    this.#generation++;
    const name = `..generation-${this.#generation}`;
    await mkdir(join(this.#directory, name));
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(this.#directory, name, 'policy.json'), text);
    await symlink(name, join(this.#directory, '..data_tmp'));
    await rename(join(this.#directory, '..data_tmp'), join(this.#directory, '..data'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

test('a policy that changes ends the streams of who is not allowed any more, and of nobody else', async () => {
  await using map = await ConfigMap.of(everybody);
  await using world = await AgentWorld.start({ env: { POLICY_FILE: map.path } });
  await using client = await world.connect();
  const web = new SecretStream(client, await world.token('web'), ['default']);
  const webRoots = new SecretStream(client, await world.token('web'), ['ROOTCA']);
  const db = new SecretStream(client, await world.token('db'), ['default']);
  for (const stream of [web, webRoots, db]) await stream.next();
  await map.hold({ rules: [notWeb, everybody] });
  for (const { call } of [web, webRoots]) {
    const { status, message } = await call.outcome;
    assert.deepEqual([status, message], ['PERMISSION_DENIED', REFUSAL]);
  }
  assert.deepEqual(
    world.agent.status().identities.map(({ spiffeId }) => spiffeId),
    ['spiffe://cluster.local/ns/shop/sa/db'],
  );
  const again = new SecretStream(client, await world.token('web'), ['default']);
  assert.equal((await again.call.outcome).status, 'PERMISSION_DENIED');
  const headers = { authorization: await world.token('web') };
  const fetching = client.unary(FETCH_SECRETS, headers, encodeRequest({ resourceNames: ['default'] }));
  await assert.rejects(fetching, { message: REFUSAL });
  assert.equal(world.agent.status().streams, 1);
  await map.hold({ rules: [everybody] });
  await world.until(() => world.agent.status().policy?.rules === 1);
  await new SecretStream(client, await world.token('web'), ['default']).next();
});

test('a new file that is broken or gone changes nothing, is told of once each, and heals', async () => {
  await using map = await ConfigMap.of(notWeb, everybody);
  await using world = await AgentWorld.start({ env: { POLICY_FILE: map.path } });
  const fault = () => world.agent.status().policy?.lastError?.message ?? '';
  await map.hold('{"rules": [');
  await world.until(() => /policy\.json: it is not JSON/.test(fault()));
  await map.hold({ rules: [{ name: 'x' }] });
  await world.until(() => /rules\[0\]\.effect/.test(fault()));
  assert.equal(world.agent.status().policy?.rules, 2);
  await world.until(() => world.agent.status().unready.length === 0);
  await using client = await world.connect();
  const web = new SecretStream(client, await world.token('web'), ['default']);
  assert.equal((await web.call.outcome).status, 'PERMISSION_DENIED');
  const told = world.log.events.filter(({ level }) => level === 'error').map(({ message }) => message);
  assert.deepEqual(told, Array(2).fill('the policy could not be replaced: the old one still holds'));
  const metrics = await readMetrics(world.port('monitoring listens'));
  assert.equal(metrics('sds_agent_policy_reads_total{result="refused"}'), 2);
  const io = new RecordingIo();
  assert.equal(await dispatch(['status', '--admin-socket', world.adminSocket], io), 0, io.err);
  assert.match(io.out, /policy: POLICY_FILE .*rules\[0\]\.effect.* still holds, with 2 rules/s);
  await map.hold({ rules: [notWeb, everybody] });
  await world.until(() => world.agent.status().policy?.lastError === undefined);
});

test('a file that is broken or missing at the start keeps the agent from starting', async () => {
  await using map = await ConfigMap.of({ name: 'x' });
  for (const [path, message] of [
    [map.path, /POLICY_FILE .*policy\.json: rules\[0\]\.effect/],
    ['/nowhere/policy.json', /POLICY_FILE cannot be read: .*\/nowhere\/policy\.json/],
  ] as const) {
    await assert.rejects(AgentWorld.start({ env: { POLICY_FILE: path } }), { code: 'settings-invalid', message });
    const io = new RecordingIo({ POLICY_FILE: path });
    assert.equal(await dispatch(['check'], io), 64);
    assert.match(io.out, new RegExp(`fault  policy +${message.source}`));
  }
});
