import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DiscoveryResponse } from '../src/gen/xds/discovery.ts';
import { Secret } from '../src/gen/xds/secret.ts';
import { GrpcCallError } from '../src/transport/grpc-call-error.ts';
import { AgentWorld, encodeRequest, FETCH_SECRETS, SecretStream } from './agent-world.ts';
import { days } from './fakes/fake-clock.ts';
import { type PemPair, WebCa } from './fakes/web-ca.ts';

const ca = await WebCa.create(Date.now());
const issue = (): Promise<PemPair> => ca.issue('shop.example.com', Date.now() - 1000, Date.now() + days(90));

/** An agent that passes on what is in one directory, with one beside it that it does not. */
class ServingWorld implements AsyncDisposable {
  readonly #folder: string;
  readonly served: string;
  readonly outside: string;
  readonly agent: AgentWorld;

  private constructor(folder: string, agent: AgentWorld) {
    this.#folder = folder;
    this.served = join(folder, 'served');
    this.outside = join(folder, 'outside');
    this.agent = agent;
  }

  static async start(): Promise<ServingWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'sds-serving-'));
    for (const name of ['served', 'outside']) {
      await mkdir(join(folder, name));
      const { chain, key } = await issue();
      await writeFile(join(folder, name, 'tls.crt'), chain);
      await writeFile(join(folder, name, 'tls.key'), key);
      await writeFile(join(folder, name, 'ca.crt'), ca.rootPem);
    }
    return new ServingWorld(folder, await AgentWorld.start({ env: { FILE_SECRET_DIRS: join(folder, 'served') } }));
  }

  pairIn(directory: string): string {
    return `file-cert:${directory}/tls.crt~${directory}/tls.key`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }
}

function secretsOf(response: DiscoveryResponse): Secret[] {
  return response.resources.map(({ value }) => Secret.decode(value));
}

test('a pair and roots in files are served beside the own certificate, and pushed when they change', {
  timeout: 60_000,
}, async () => {
  await using world = await ServingWorld.start();
  await using client = await world.agent.connect();
  const token = await world.agent.token();
  const pair = world.pairIn(world.served);
  const stream = new SecretStream(client, token, [pair]);
  const [first] = secretsOf(await stream.next());
  assert.equal(first?.name, pair);
  const roots = new SecretStream(client, token, [`file-root:${world.served}/ca.crt`]);
  const [bundle] = secretsOf(await roots.next());
  assert.equal(String(bundle?.validationContext?.trustedCa?.inlineBytes), ca.rootPem);

  const { chain, key } = await issue();
  await writeFile(join(world.served, 'tls.crt'), chain);
  await writeFile(join(world.served, 'tls.key'), key);
  const [second] = secretsOf(await stream.next());
  assert.equal(String(second?.tlsCertificate?.certificateChain?.inlineBytes), chain);
  assert.notDeepEqual(second, first);

  const { foreign, pending } = world.agent.agent.status();
  assert.deepEqual(
    foreign.map(({ kind, state, streams }) => [kind, state, streams]),
    [
      ['file-certificate', 'ready', 1],
      ['file-bundle', 'ready', 1],
    ],
  );
  assert.deepEqual(pending, []);
  const port = world.agent.port('monitoring listens');
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  assert.match(metrics, /^sds_agent_secrets\{kind="file-certificate",status="ready"\} 1$/m);
  assert.match(metrics, /^sds_agent_secret_earliest_expiry_timestamp_seconds\{kind="file-bundle"\} \d+$/m);
  const debugPort = world.agent.port('the status page listens');
  const pages = ['/api/status', '/debug/sds/workload'].map((path) => `http://127.0.0.1:${debugPort}${path}`);
  const shown = await Promise.all(pages.map(async (url) => (await fetch(url)).text()));
  assert.match(shown.join(), /file-certificate.*BEGIN CERTIFICATE/s);
  assert.doesNotMatch([metrics, ...shown, JSON.stringify(world.agent.log.events)].join(), /PRIVATE KEY/);
});

test('without a token nothing of a file is served', { timeout: 60_000 }, async () => {
  await using world = await ServingWorld.start();
  await using client = await world.agent.connect();
  const request = encodeRequest({ resourceNames: [world.pairIn(world.served)] });
  for (const token of ['', 'nonsense']) {
    await assert.rejects(client.unary(FETCH_SECRETS, token === '' ? {} : { authorization: token }, request), /token/);
  }
  assert.deepEqual(world.agent.agent.status().foreign, []);
});

test('what is outside of the directories is answered like any unknown name, whether it is there or not', {
  timeout: 60_000,
}, async () => {
  await using world = await ServingWorld.start();
  await using client = await world.agent.connect();
  const token = await world.agent.token();
  const answer = async (name: string): Promise<string> => {
    const request = encodeRequest({ resourceNames: [name] });
    const thrown: unknown = await client.unary(FETCH_SECRETS, { authorization: token }, request).then(
      () => assert.fail(`${name} was served`),
      (error: unknown) => error,
    );
    assert.ok(thrown instanceof GrpcCallError);
    return `${thrown.status} ${thrown.message}`.replace(/"[^"]*…?"/, 'NAME');
  };
  const unknown = await answer('nonsense');
  assert.match(unknown, /^NOT_FOUND/);
  const names = [
    world.pairIn(world.outside),
    `file-root:${world.outside}/ca.crt`,
    `file-root:${world.outside}/not-there`,
    `file-root:${world.served}/../outside/ca.crt`,
    `file-cert:${world.served}/tls.crt~${world.outside}/tls.key`,
    'file-root:/etc/passwd',
    'file-cert:*',
    '*',
  ];
  for (const name of names) assert.equal(await answer(name), unknown, name);
});

test('links out of the directory get silence, as does what is not there; the other names are served', {
  timeout: 60_000,
}, async () => {
  await using world = await ServingWorld.start();
  await symlink(world.outside, join(world.served, '..data'));
  await symlink('..data/ca.crt', join(world.served, 'linked.crt'));
  const hidden = ['linked.crt', '..data/ca.crt', 'not-there.crt'].map((name) => `file-root:${world.served}/${name}`);
  await using client = await world.agent.connect();
  const stream = new SecretStream(client, await world.agent.token(), [...hidden, '*', world.pairIn(world.served)]);
  assert.deepEqual(
    secretsOf(await stream.next()).map(({ name }) => name),
    [world.pairIn(world.served)],
  );
  const waiting = (): string[] => world.agent.agent.status().pending.map(({ name }) => name);
  await world.agent.until(() => world.agent.agent.status().foreign.filter(({ lastError }) => lastError).length === 3);
  assert.deepEqual(waiting().sort(), [...hidden, '*'].sort());
  // The same link, led back inside, is good at once.
  await mkdir(join(world.served, '..1'));
  await writeFile(join(world.served, '..1', 'ca.crt'), ca.rootPem);
  await symlink('..1', join(world.served, '..data_tmp'));
  await rename(join(world.served, '..data_tmp'), join(world.served, '..data'));
  const served = new Set<string>();
  while (!served.has(hidden[0] ?? '')) for (const { name } of secretsOf(await stream.next())) served.add(name);
});

test('where FILE_SECRET_DIRS is empty the names mean nothing', { timeout: 60_000 }, async () => {
  await using world = await AgentWorld.start();
  await using client = await world.connect();
  const token = await world.token();
  for (const name of ['file-root:system', 'file-root:/etc/ssl/certs/ca-certificates.crt']) {
    const request = encodeRequest({ resourceNames: [name] });
    await assert.rejects(client.unary(FETCH_SECRETS, { authorization: token }, request), /no secret is served to you/);
  }
});
