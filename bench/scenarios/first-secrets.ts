import type { BenchContext } from '../bench-context.ts';
import type { Finding } from '../finding.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import { FloorServer } from '../servers/floor-server.ts';
import { type StormCost, storm } from './storm.ts';

const CONNECTIONS = 1_000;
const IDENTITIES = 50;
const ROUNDS = 5;
const MIB = 1 << 20;

interface Round {
  readonly agent: StormCost;
  readonly floor: StormCost;
}

/** The whole node's Envoys come at once, as after a restart of the agent. */
export const firstSecrets: Scenario = {
  name: 'first-secrets',
  async run(context) {
    const rounds: Round[] = [];
    for (let number = 1; number <= context.rounds(ROUNDS); number++) {
      context.say(`first secrets, round ${number}: ${CONNECTIONS} connections to the agent, then to the floor`);
      rounds.push(await runRound(context));
    }
    const work = `${CONNECTIONS} connections x (\`default\` + \`ROOTCA\`), 61 KB Node each, ${IDENTITIES} identities in cache`;
    return [
      toFinding(`${work}: CPU until all have secrets`, 1.25, rounds, ({ cpuMs }) => cpuMs, 'ms'),
      toFinding(`${work}: memory growth`, 1.3, rounds, ({ grownBytes }) => grownBytes / MIB, 'MB'),
    ];
  },
};

/** The floor answers with as many bytes, and is sent the same tokens. Each is a fresh process. */
async function runRound(context: BenchContext): Promise<Round> {
  const { agent, tokens } = await stormAgent(context);
  await using server = await FloorServer.start(context, agent.responseBytes);
  const floor = await storm(context, server, { connections: CONNECTIONS, tokens });
  return { agent, floor };
}

async function stormAgent(context: BenchContext): Promise<{ agent: StormCost; tokens: readonly string[] }> {
  await using server = await AgentServer.start(context);
  const tokens = await server.mintTokens(IDENTITIES);
  return { agent: await storm(context, server, { connections: CONNECTIONS, tokens }), tokens };
}

function toFinding(
  work: string,
  limit: number,
  rounds: readonly Round[],
  costOf: (cost: StormCost) => number,
  unit: string,
): Finding {
  const ratios = rounds.map(({ agent, floor }) => costOf(agent) / costOf(floor));
  return {
    work,
    value: median(ratios),
    unit: 'ratio',
    limit,
    details: [
      `Agent: ${formatList(
        rounds.map(({ agent }) => costOf(agent)),
        unit,
      )}.`,
      `Floor: ${formatList(
        rounds.map(({ floor }) => costOf(floor)),
        unit,
      )}.`,
      `The ratios of the rounds are ${formatList(ratios, '', 2).trim()}; the median counts.`,
    ],
  };
}
