import type { BenchContext } from '../bench-context.ts';
import type { Finding } from '../finding.ts';
import { growthExponent, type SizeCost } from '../maths/growth-exponent.ts';
import { median } from '../maths/median.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import { BOTH_NAMES, type StormCost, storm } from './storm.ts';

const SIZES: readonly number[] = [10, 100, 1_000, 5_000];
/** The load client plays all pods, and would be refused as one that is out of order. */
const FOR_ONE_CLIENT = {
  MAX_CONNECTIONS_PER_PEER: '10000',
  MAX_STREAMS_PER_PEER: '10000',
  MAX_NEW_STREAMS_BURST: '10000',
};
const IDENTITIES = 50;
const ROUNDS = 3;
const LIMIT = 1.05;
const MIB = 1 << 20;
/** What the garbage collector happens to leave behind is larger than what lies below. */
const LEAST_MEMORY_MIB = 4;
const LEAST_CPU_MS = 1;

/** Ten times the streams shall cost ten times as much, not more. */
export const growth: Scenario = {
  name: 'growth',
  async run(context) {
    const costs = new Map<number, StormCost[]>(SIZES.map((size) => [size, []]));
    for (let number = 1; number <= context.rounds(ROUNDS); number++) {
      for (const [size, ofSize] of costs) {
        context.say(`growth, round ${number}: ${size} streams`);
        ofSize.push(await runOnce(context, size));
      }
    }
    const median1 = (costOf: (cost: StormCost) => number): SizeCost[] =>
      [...costs].map(([size, ofSize]) => ({ size, cost: median(ofSize.map(costOf)) }));
    const cpu = median1(({ cpuMs }) => cpuMs);
    const memory = median1(({ grownBytes }) => grownBytes / MIB);
    return [toFinding('CPU', cpu, LEAST_CPU_MS, 'ms'), toFinding('memory', memory, LEAST_MEMORY_MIB, 'MB')];
  },
};

async function runOnce(context: BenchContext, streams: number): Promise<StormCost> {
  await using agent = await AgentServer.start(context, FOR_ONE_CLIENT);
  const tokens = await agent.mintTokens(IDENTITIES);
  return await storm(context, agent, { connections: streams / BOTH_NAMES.length, tokens });
}

function toFinding(what: string, measured: readonly SizeCost[], least: number, unit: string): Finding {
  const points = measured.filter(({ cost }) => cost >= least);
  const texts = measured.map(({ size, cost }) => `${size} streams ${cost.toFixed(1)} ${unit}`);
  return {
    work: `growth of ${what} from ${SIZES[0]} to ${SIZES.at(-1)} streams`,
    value: growthExponent(points),
    unit: 'exponent',
    limit: LIMIT,
    details: [
      `The cost above that of the same process before its streams came, median of the rounds: ${texts.join(', ')}.`,
      `The exponent is the slope of the least-squares line through log(cost) over log(streams); sizes that cost less ` +
        `than ${least} ${unit} are left out, as noise: ${points.length} of ${measured.length} are used. ` +
        `From ${SIZES.at(-2)} to ${SIZES.at(-1)} alone it is ${growthExponent(measured.slice(-2)).toFixed(2)}.`,
    ],
  };
}
