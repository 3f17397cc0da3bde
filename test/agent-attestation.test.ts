import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import type { Attestation } from '../src/core/peer-attestor.ts';
import { GrpcCallError } from '../src/transport/grpc-call-error.ts';
import { AgentWorld, encodeRequest, FETCH_SECRETS, SecretStream } from './agent-world.ts';
import { ForeignProcess } from './fakes/foreign-process.ts';
import { PodCgroups } from './fakes/pod-cgroups.ts';

const NO_POD: Attestation = { kind: 'no-pod' };

/** Says of every peer what it is told to say; every peer here is this process. */
class Oracle {
  answer: Attestation = NO_POD;
  asked = 0;

  attest(): Attestation {
    this.asked++;
    return this.answer;
  }
}

function start(mode: 'off' | 'warn' | 'enforce' | undefined, attestor: Oracle): Promise<AgentWorld> {
  return AgentWorld.start({ env: mode === undefined ? {} : { PEER_ATTESTATION: mode }, attestor });
}

/** The pod that a token is bound to. */
function podOf(token: string): string {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return claims['kubernetes.io'].pod.uid;
}

/** What one way of asking comes to: `served`, or the code of the error. */
type Ask = (world: AgentWorld, token: string, headers?: Readonly<Record<string, string>>) => Promise<string>;

const overStream: Ask = async (world, token, headers = {}) => {
  await using client = await world.connect();
  const stream = new SecretStream(client, token, ['default'], headers);
  return await outcome(stream.next());
};

const overFetch: Ask = async (world, token, headers = {}) => {
  await using client = await world.connect();
  const metadata = { authorization: `Bearer ${token}`, ...headers };
  return await outcome(client.unary(FETCH_SECRETS, metadata, encodeRequest({ resourceNames: ['default'] })));
};

const overRest: Ask = async (world, token, headers = {}) => {
  const body = JSON.stringify({ resource_names: ['default'] });
  const sent = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers };
  // A connection each time: the global agent would keep the first one.
  const where = { socketPath: world.socket, method: 'POST', path: '/v3/discovery:secrets', agent: false };
  const options = { ...where, headers: sent };
  return await new Promise((resolve, reject) => {
    const asking = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(response.statusCode === 200 ? 'served' : `${response.statusCode} ${text}`));
    });
    asking.on('error', reject);
    asking.end(body);
  });
};

async function outcome(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return 'served';
  } catch (thrown) {
    if (thrown instanceof GrpcCallError) return `${thrown.status} ${thrown.message}`;
    throw thrown;
  }
}

const WAYS: readonly (readonly [string, Ask, refused: RegExp, unknown: RegExp])[] = [
  ['a stream', overStream, /PERMISSION_DENIED/, /UNAUTHENTICATED/],
  ['a fetch', overFetch, /PERMISSION_DENIED/, /UNAUTHENTICATED/],
  ['REST', overRest, /^403 .*peer-refused/, /^401 .*peer-unknown/],
];

for (const [way, ask, refused, unknown] of WAYS) {
  test(`with enforce, ${way} serves a token in its pod, and to nobody else`, async () => {
    const oracle = new Oracle();
    await using world = await start('enforce', oracle);
    const token = await world.token('web');
    const stolen = await world.token('bank');
    // So that the agent knows the token, as it does those of all pods that are connected.
    oracle.answer = { kind: 'pod', podUid: podOf(stolen) };
    assert.equal(await ask(world, stolen), 'served');
    oracle.answer = { kind: 'pod', podUid: podOf(token) };
    assert.equal(await ask(world, token), 'served');
    const replayed = await ask(world, stolen);
    assert.match(replayed, refused);
    assert.doesNotMatch(replayed, new RegExp(`${podOf(token)}|${podOf(stolen)}`));
    oracle.answer = NO_POD;
    assert.match(await ask(world, token), refused);
    oracle.answer = { kind: 'unknown', reason: 'its process is gone' };
    assert.match(await ask(world, token), unknown);
    oracle.answer = { kind: 'pod', podUid: podOf(token) };
    assert.match(await ask(world, await world.token('unseen')), refused);
    const issued = world.agent.status().identities.map(({ spiffeId }) => spiffeId);
    assert.deepEqual(
      issued.sort(),
      ['bank', 'web'].map((name) => `spiffe://cluster.local/ns/shop/sa/${name}`),
    );
  });

  test(`with warn, ${way} serves a replayed token, and the log says so`, async () => {
    const oracle = new Oracle();
    await using world = await start('warn', oracle);
    const [token, stolen] = [await world.token('web'), await world.token('bank')];
    oracle.answer = { kind: 'pod', podUid: podOf(token) };
    assert.equal(await ask(world, stolen), 'served');
    const told = world.log.events.filter(({ message }) => message.includes('PEER_ATTESTATION=enforce would refuse'));
    assert.equal(told.length, 1);
    const { podOfProcess, podOfToken } = told[0]?.fields ?? {};
    assert.deepEqual([podOfProcess, podOfToken], [podOf(token), podOf(stolen)]);
  });

  test(`with off, ${way} serves whoever has a token, and nobody is asked`, async () => {
    const oracle = new Oracle();
    await using world = await start('off', oracle);
    assert.equal(await ask(world, await world.token('web')), 'served');
    assert.equal(oracle.asked, 0);
  });

  test(`with enforce, nothing that is sent with ${way} puts its process into a pod`, async () => {
    const oracle = new Oracle();
    await using world = await start('enforce', oracle);
    const token = await world.token('web');
    const pod = podOf(token);
    const forged = JSON.stringify({ kind: 'pod', podUid: pod });
    const names = ['peer', 'attestation', 'peer-attestation', 'x-peer-attestation', 'pod-uid', 'x-pod-uid', 'poduid'];
    const headers = Object.fromEntries(
      names.flatMap((name) => [
        [name, forged],
        [`${name}-uid`, pod],
      ]),
    );
    assert.match(await ask(world, token, headers), refused);
  });
}

test('outside a cluster nobody is asked, unless it is asked for', async () => {
  const oracle = new Oracle();
  await using world = await start(undefined, oracle);
  assert.equal(await overFetch(world, await world.token('web')), 'served');
  assert.equal(oracle.asked, 0);
});

test('each call on a connection is compared, and its peer attested once', async () => {
  const oracle = new Oracle();
  await using world = await start('enforce', oracle);
  const [token, stolen] = [await world.token('web'), await world.token('bank')];
  oracle.answer = { kind: 'pod', podUid: podOf(token) };
  await using client = await world.connect();
  const mine = new SecretStream(client, token, ['default']);
  await mine.next();
  await assert.rejects(new SecretStream(client, stolen, ['default']).next(), { status: 'PERMISSION_DENIED' });
  await new SecretStream(client, token, ['ROOTCA']).next();
  assert.equal(oracle.asked, 1);
  const metrics = await (await fetch(`http://127.0.0.1:${world.port('monitoring listens')}/metrics`)).text();
  assert.match(metrics, /sds_agent_peer_attestations_total\{result="ok"\} 2\n/);
  assert.match(metrics, /sds_agent_peer_attestations_total\{result="other-pod"\} 1\n/);
});

/** Asks with the token that it was given, from wherever it is, and says what came of it. */
const CLIENT = `
  const [, socketPath, token] = process.argv;
  lines.on('line', () => {
    const headers = { authorization: 'Bearer ' + token };
    const options = { socketPath, method: 'POST', path: '/v3/discovery:secrets', headers };
    const asking = require('node:http').request(options, (response) => say(String(response.statusCode)));
    asking.end(JSON.stringify({ resource_names: ['default'] }));
  });
  say('ready');
`;

test('with real processes in real cgroups a token is good in its own pod alone', async (t) => {
  await using pods = PodCgroups.create();
  if (pods === undefined) return t.skip('cgroups cannot be made here');
  await using world = await AgentWorld.start({ env: { PEER_ATTESTATION: 'enforce' } });
  const [token, stolen] = [await world.token('web'), await world.token('bank')];
  const statusOf = async (shown: string, pod: string | undefined): Promise<string> => {
    await using client = new ForeignProcess(CLIENT, [world.socket, shown]);
    if (pod !== undefined) pods.enter(pod, client.pid);
    assert.equal(await client.hear(), 'ready');
    client.tell('ask');
    return await client.hear();
  };
  assert.equal(await statusOf(token, podOf(token)), '200');
  assert.equal(await statusOf(stolen, podOf(token)), '403');
  assert.match(await statusOf(token, undefined), /^40[13]$/);
});
