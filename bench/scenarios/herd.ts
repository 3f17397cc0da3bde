import type { BenchContext } from '../bench-context.ts';
import { LoadProcess } from '../load/load-process.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import { BOTH_NAMES } from './storm.ts';

const IDENTITIES = 500;
const ROUNDS = 3;
/** The default of `CA_MAX_RPS`. */
const MAX_PER_SECOND = 100;
/** What an agent may need beyond the seconds that the rate takes. */
const REST_MS = 1_500;

/** The agent was restarted, and every Envoy of a full node is back at once. */
export const herd: Scenario = {
  name: 'herd',
  async run(context) {
    context.say(`herd: ${IDENTITIES} identities reconnect to an agent that was restarted`);
    const rounds: { readonly elapsedMs: number; readonly cpuMs: number }[] = [];
    for (let number = 0; number < context.rounds(ROUNDS); number++) rounds.push(await runRound(context));
    const elapsed = rounds.map(({ elapsedMs }) => elapsedMs);
    return [
      {
        work: `herd: ${IDENTITIES} identities reconnect at once to a restarted agent: until all have both secrets`,
        value: median(elapsed),
        unit: 'ms',
        limit: (IDENTITIES / MAX_PER_SECOND) * 1000 + REST_MS,
        details: [
          `${IDENTITIES} certificates at the default of \`CA_MAX_RPS\`, ${MAX_PER_SECOND} a second, take ` +
            `${IDENTITIES / MAX_PER_SECOND - 1} to ${IDENTITIES / MAX_PER_SECOND} s by themselves. ` +
            `The median of ${formatList(elapsed, 'ms', 0)} counts.`,
          `CPU of the agent, from its start as a process: ${formatList(
            rounds.map(({ cpuMs }) => cpuMs / IDENTITIES),
            'ms an identity',
            2,
          )}.`,
        ],
      },
    ];
  },
};

async function runRound(context: BenchContext): Promise<{ readonly elapsedMs: number; readonly cpuMs: number }> {
  await using agent = await AgentServer.start(context);
  await using load = new LoadProcess(context);
  const tokens = await agent.mintTokens(IDENTITIES);
  const { elapsedMs } = await load.open({
    group: 'herd',
    socketPath: agent.socketPath,
    tokens,
    connections: IDENTITIES,
    atOnce: IDENTITIES,
    resourceNames: BOTH_NAMES,
  });
  return { elapsedMs, cpuMs: agent.usage().cpuMs };
}
