import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { KernelAttestor } from '../../src/identity/attestation/kernel-attestor.ts';
import { ProcessTable } from '../../src/identity/attestation/process-table.ts';
import { loadPeerCredentials } from '../../src/transport/peer-credentials.ts';
import { ForeignProcess } from '../../test/fakes/foreign-process.ts';
import { PodCgroups } from '../../test/fakes/pod-cgroups.ts';
import type { BenchContext } from '../bench-context.ts';
import { silent } from '../cache/bench-cache.ts';
import type { Finding } from '../finding.ts';
import { LoadProcess } from '../load/load-process.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import { BOTH_NAMES } from './storm.ts';

const PODS = 100;
const CONNECTIONS_OF_POD = 10;
const WARMING_CONNECTIONS = 5;
const ROUNDS = 9;
const SETTLE_MS = 1_000;
const ATTESTED = 2_000;
const POD = 'bd445127-8720-434d-b38c-d308e9ff9b59';

/** What it costs to ask the kernel, for each connection, which pod it comes from. */
export const attestation: Scenario = {
  name: 'attestation',
  async run(context) {
    await using pods = PodCgroups.create();
    if (pods === undefined) {
      context.say('attestation: not measured, as cgroups cannot be made here; it takes root');
      return [];
    }
    return [await oneConnection(context, pods), await manyPods(context, pods)];
  },
};

async function oneConnection(context: BenchContext, pods: PodCgroups): Promise<Finding> {
  context.say(`attestation: ${ATTESTED} connections of one pod`);
  const rounds: (readonly number[])[] = [];
  for (let number = 0; number < context.rounds(ROUNDS); number++) rounds.push(await attestAll(context, pods));
  const means = rounds.map((times) => times.reduce((sum, us) => sum + us, 0) / times.length);
  const at99 = rounds.map((times) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0);
  return {
    work: 'attestation of a peer: time a connection',
    value: median(means),
    unit: 'µs',
    limit: 300,
    details: [
      'From the accepted socket to the UID of the pod: SO_PEERCRED, SO_PEERPIDFD, the cgroup file, the state of the pidfd. ' +
        `The agent does nothing else meanwhile. Means of ${ATTESTED} connections: ${formatList(means, 'µs', 0)}; the ` +
        `median counts. 99 of 100 took less than ${formatList(at99, 'µs', 0)}.`,
    ],
  };
}

/** Accepts connections of a process in a pod's cgroup, and gives the time that attesting each took. */
async function attestAll(context: BenchContext, pods: PodCgroups): Promise<readonly number[]> {
  const read = loadPeerCredentials(silent, new KernelAttestor(new ProcessTable()));
  const path = join(context.newFolder(), 'socket');
  const sockets = new Set<Socket>();
  const timesUs: number[] = [];
  const server = createServer((socket) => {
    const startedMs = performance.now();
    const peer = read(socket);
    timesUs.push((performance.now() - startedMs) * 1000);
    if (peer?.attestation?.kind !== 'pod') throw new Error(`not attested: ${JSON.stringify(peer)}`);
    sockets.add(socket);
    socket.write('next');
  }).listen(path);
  await once(server, 'listening');
  // One after the other: the kernel keeps only 511 that wait to be accepted.
  const script =
    "const open = (left) => left === 0 ? say('done') : require('node:net').connect(process.argv[1]).once('data', () => open(left - 1));" +
    "lines.on('line', () => open(Number(process.argv[2])));";
  await using client = new ForeignProcess(script, [path, String(ATTESTED)]);
  pods.enter(POD, client.pid);
  client.tell('go');
  await client.hear();
  while (timesUs.length < ATTESTED) await context.pause(10);
  for (const socket of sockets) socket.destroy();
  server.close();
  return timesUs;
}

type Mode = 'off' | 'enforce';

interface Cost {
  /** Of all connections, without the moves between pods. */
  readonly elapsedMs: number;
  readonly cpuMs: number;
}

type Round = Readonly<Record<Mode, Cost>>;

async function manyPods(context: BenchContext, pods: PodCgroups): Promise<Finding> {
  const rounds: Round[] = [];
  for (let number = 1; number <= context.rounds(ROUNDS); number++) {
    context.say(`attestation, round ${number}: ${PODS} pods, each with it off and with enforce`);
    rounds.push(await connectAll(context, pods));
  }
  const ratiosOf = (cost: (of: Cost) => number): number[] =>
    rounds.map(({ off, enforce }) => cost(enforce) / cost(off));
  const listOf = (mode: Mode): string =>
    formatList(
      rounds.map((round) => round[mode].elapsedMs),
      'ms',
      0,
    );
  const times = ratiosOf(({ elapsedMs }) => elapsedMs);
  const cpu = ratiosOf(({ cpuMs }) => cpuMs);
  return {
    work: `${PODS * CONNECTIONS_OF_POD} connections of ${PODS} pods: time with \`PEER_ATTESTATION=enforce\` over that with \`off\``,
    value: median(times),
    unit: 'times',
    limit: 1.15,
    details: [
      `Each pod is a cgroup. From within, ${CONNECTIONS_OF_POD} connections are opened at once to an agent with \`off\`, and as ` +
        'many to one with `enforce`, in turns, so that both meet the same machine; each asks for `default` and `ROOTCA`, ' +
        'which are in the cache. One client process goes from cgroup to cgroup; the moves are not counted.',
      `Off: ${listOf('off')}. Enforce: ${listOf('enforce')}. The ratios are ${formatList(times, '', 2).trim()}; the median counts.`,
      `The ratios of the agents' CPU are ${formatList(cpu, '', 2).trim()}.`,
    ],
  };
}

async function connectAll(context: BenchContext, pods: PodCgroups): Promise<Round> {
  await using off = await AgentServer.start(context, { PEER_ATTESTATION: 'off' });
  await using enforce = await AgentServer.start(context, { PEER_ATTESTATION: 'enforce' });
  await using load = new LoadProcess(context);
  const agents = { off, enforce };
  const tokens = { off: await off.mintTokens(PODS), enforce: await enforce.mintTokens(PODS) };

  /** Gives the time that all connections of one agent took. */
  async function connect(connections: number): Promise<Record<Mode, number>> {
    const elapsedMs = { off: 0, enforce: 0 };
    for (let pod = 0; pod < PODS; pod++) {
      // Whoever is second finds the client warm: so they take turns in that, too.
      for (const mode of pod % 2 === 0 ? (['off', 'enforce'] as const) : (['enforce', 'off'] as const)) {
        const token = tokens[mode][pod] ?? '';
        pods.enter(podOf(token), load.pid);
        const where = { socketPath: agents[mode].socketPath, resourceNames: BOTH_NAMES, group: `${mode} ${pod}` };
        elapsedMs[mode] += (await load.open({ ...where, tokens: [token], connections, atOnce: connections })).elapsedMs;
      }
    }
    return elapsedMs;
  }

  // Before it is measured: so that the certificates are there, and the code is compiled.
  await connect(WARMING_CONNECTIONS);
  await load.close();
  await context.pause(SETTLE_MS);
  const before = { off: off.usage().cpuMs, enforce: enforce.usage().cpuMs };
  const elapsedMs = await connect(CONNECTIONS_OF_POD);
  const costOf = (mode: Mode): Cost => {
    return { elapsedMs: elapsedMs[mode], cpuMs: agents[mode].usage().cpuMs - before[mode] };
  };
  return { off: costOf('off'), enforce: costOf('enforce') };
}

/** The UID of the pod that a token is bound to. */
function podOf(token: string): string {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return claims['kubernetes.io'].pod.uid;
}
