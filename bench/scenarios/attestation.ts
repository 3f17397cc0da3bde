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
const ROUNDS = 5;
const ATTESTED = 2_000;
const POD = 'bd445127-8720-434d-b38c-d308e9ff9b59';

/** What it costs to ask the kernel, for each connection, which pod it comes from. */
export const attestation: Scenario = {
  name: 'attestation',
  async run(context) {
    using pods = PodCgroups.create();
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

interface Cost {
  /** Of all connections, without the moves between pods. */
  readonly elapsedMs: number;
  readonly cpuMs: number;
}

async function manyPods(context: BenchContext, pods: PodCgroups): Promise<Finding> {
  const rounds: { readonly off: Cost; readonly enforce: Cost }[] = [];
  for (let number = 1; number <= context.rounds(ROUNDS); number++) {
    context.say(`attestation, round ${number}: ${PODS} pods with it off, then with enforce`);
    const off = await connectAll(context, pods, 'off');
    rounds.push({ off, enforce: await connectAll(context, pods, 'enforce') });
  }
  const ratiosOf = (cost: (of: Cost) => number): number[] =>
    rounds.map(({ off, enforce }) => cost(enforce) / cost(off));
  const times = ratiosOf(({ elapsedMs }) => elapsedMs);
  const cpu = ratiosOf(({ cpuMs }) => cpuMs);
  return {
    work: `${PODS * CONNECTIONS_OF_POD} connections of ${PODS} pods: time with \`PEER_ATTESTATION=enforce\` over that with \`off\``,
    value: median(times),
    unit: 'times',
    limit: 1.15,
    details: [
      `Each pod is a cgroup with ${CONNECTIONS_OF_POD} connections, of which each asks for \`default\` and \`ROOTCA\`; all ` +
        'identities are in the cache. One client process goes from cgroup to cgroup; the moves are not counted.',
      `Off: ${formatList(
        rounds.map(({ off }) => off.elapsedMs),
        'ms',
        0,
      )}. Enforce: ${formatList(
        rounds.map(({ enforce }) => enforce.elapsedMs),
        'ms',
        0,
      )}. The ratios are ${formatList(times, '', 2).trim()}; the median counts.`,
      `The ratios of the agent's CPU are ${formatList(cpu, '', 2).trim()}.`,
    ],
  };
}

async function connectAll(context: BenchContext, pods: PodCgroups, mode: 'off' | 'enforce'): Promise<Cost> {
  await using agent = await AgentServer.start(context, { PEER_ATTESTATION: mode });
  await using load = new LoadProcess(context);
  const tokens = await agent.mintTokens(PODS);
  const opening = { socketPath: agent.socketPath, resourceNames: BOTH_NAMES };
  let elapsedMs = 0;
  const connect = async (name: string, token: string, connections: number): Promise<void> => {
    pods.enter(podOf(token), load.pid);
    const opened = await load.open({ ...opening, group: name, tokens: [token], connections, atOnce: connections });
    elapsedMs += opened.elapsedMs;
  };
  // Before it is measured, each pod once: so that the certificates are there, and the code is compiled.
  for (const [index, token] of tokens.entries()) await connect(`warm ${index}`, token, 1);
  await load.close();
  await context.pause(500);
  elapsedMs = 0;
  const before = agent.usage().cpuMs;
  for (const [index, token] of tokens.entries()) await connect(String(index), token, CONNECTIONS_OF_POD);
  return { elapsedMs, cpuMs: agent.usage().cpuMs - before };
}

/** The UID of the pod that a token is bound to. */
function podOf(token: string): string {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return claims['kubernetes.io'].pod.uid;
}
