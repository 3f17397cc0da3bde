import { CitadelDemoCa } from '../../demo/authorities/citadel-demo-ca.ts';
import type { BenchContext } from '../bench-context.ts';
import type { Finding } from '../finding.ts';
import { LoadProcess } from '../load/load-process.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import {
  MOST_PODS,
  type NodeSize,
  ORDINARY_PODS,
  toContainerResources,
  toManifestText,
} from '../sizing/container-resources.ts';
import { readDeployedResources } from '../sizing/deployed-resources.ts';
import { BOTH_NAMES } from './storm.ts';

const SIZES = [0, ORDINARY_PODS, MOST_PODS];
const ROUNDS = 3;
const SETTLE_MS = 5_000;
const REST_MS = 20_000;
const QUICK_REST_MS = 5_000;
const MIB = 1 << 20;

/**
 * What the agent of a node needs, for the DaemonSet's requests and limits: as it is deployed, with `sds-node-agent ca`
 * behind Citadel's API, and each pod an identity of its own. The CA is a process of its own and not counted.
 */
export const nodeSizes: Scenario = {
  name: 'node-sizes',
  async run(context) {
    const sizes: NodeSize[] = [];
    for (const pods of SIZES) sizes.push(await measureSize(context, pods));
    const [none, ordinary, largest] = sizes;
    if (none === undefined || ordinary === undefined || largest === undefined) throw new Error('a size is missing');
    const resources = toContainerResources(ordinary, largest);
    const deployed = readDeployedResources();
    const inMib = (bytesOf: (size: NodeSize) => number): string =>
      formatList(
        sizes.map((size) => bytesOf(size) / MIB),
        'MB',
      );
    const memory =
      `With ${SIZES.join(', ')} pods. At rest: ${inMib(({ restBytes }) => restBytes)}. At the peak of the storm, in ` +
      `which all pods come at once to an agent that has just started: ${inMib(({ peakBytes }) => peakBytes)}.`;
    const rule = `By the rule in \`bench/sizing\` this makes \`${toManifestText(resources)}\`.`;
    const cpu = [
      `At rest, with ${SIZES.join(', ')} pods: ${formatList(
        sizes.map(({ restCpuShare }) => 100 * restCpuShare),
        '% of a core',
        2,
      )}. The storm, from the start of the process until every pod has both secrets: ${formatList(
        sizes.map(({ stormCpuMs }) => stormCpuMs),
        'ms of CPU',
        0,
      )}, in ${formatList(
        sizes.map(({ stormElapsedMs }) => stormElapsedMs),
        'ms',
        0,
      )}.`,
    ];
    const findings: Finding[] = [
      {
        work: `node of ${ORDINARY_PODS} pods, two streams and an identity each, at rest: resident memory`,
        value: ordinary.restBytes / MIB,
        unit: 'MB',
        limit: deployed.requests.memoryBytes / MIB,
        details: [memory],
      },
      {
        work: `node of ${MOST_PODS} pods that all come at once to a new agent: peak of memory`,
        value: largest.peakBytes / MIB,
        unit: 'MB',
        limit: deployed.limits.memoryBytes / MIB,
        details: [rule],
      },
      {
        work: `node of ${ORDINARY_PODS} pods that all come at once to a new agent: CPU, spread over a minute`,
        value: ordinary.stormCpuMs / 600,
        unit: '% of a core',
        limit: deployed.requests.cpuMillis / 10,
        details: cpu,
      },
    ];
    return findings;
  },
};

/** The median of the rounds, of each value by itself; but the highest of the peaks. */
async function measureSize(context: BenchContext, pods: number): Promise<NodeSize> {
  const rounds: NodeSize[] = [];
  for (let number = 1; number <= context.rounds(ROUNDS); number++) {
    context.say(`node of ${pods} pods, round ${number}`);
    rounds.push(await runRound(context, pods));
  }
  const middle = (numberOf: (round: NodeSize) => number): number => median(rounds.map(numberOf));
  return {
    pods,
    stormCpuMs: middle(({ stormCpuMs }) => stormCpuMs),
    stormElapsedMs: middle(({ stormElapsedMs }) => stormElapsedMs),
    peakBytes: Math.max(...rounds.map(({ peakBytes }) => peakBytes)),
    restBytes: middle(({ restBytes }) => restBytes),
    restCpuShare: middle(({ restCpuShare }) => restCpuShare),
  };
}

async function runRound(context: BenchContext, pods: number): Promise<NodeSize> {
  await using ca = new CitadelDemoCa(context.newFolder());
  const settings = await ca.start();
  const startedMs = performance.now();
  await using agent = await AgentServer.start(context, settings);
  await using load = new LoadProcess(context);
  const tokens = await agent.mintTokens(pods);
  await load.open({
    group: 'pods',
    socketPath: agent.socketPath,
    tokens,
    connections: pods,
    atOnce: pods,
    resourceNames: BOTH_NAMES,
  });
  const stormElapsedMs = performance.now() - startedMs;
  const { cpuMs: stormCpuMs, peakRssBytes: peakBytes } = agent.usage();

  await context.pause(SETTLE_MS);
  const restStartedMs = performance.now();
  const before = agent.usage();
  await context.pause(context.options.quick ? QUICK_REST_MS : REST_MS);
  const after = agent.usage();
  return {
    pods,
    stormCpuMs,
    stormElapsedMs,
    peakBytes,
    restBytes: after.rssBytes,
    restCpuShare: (after.cpuMs - before.cpuMs) / (performance.now() - restStartedMs),
  };
}
