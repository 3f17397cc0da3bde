import type { BenchContext } from '../bench-context.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';

const ROUNDS = 3;
const SETTLE_MS = 3_000;

/** What every node pays, before anybody asks for anything. */
export const freshMemory: Scenario = {
  name: 'fresh-memory',
  async run(context) {
    context.say('memory of a fresh agent');
    const sizes: number[] = [];
    for (let number = 0; number < context.rounds(ROUNDS); number++) sizes.push(await readFreshMib(context));
    return [
      {
        work: 'fresh agent, embedded CA, no streams: resident memory',
        value: median(sizes),
        unit: 'MB',
        limit: 85,
        details: [
          `\`VmRSS\` ${SETTLE_MS / 1000} s after the socket takes connections, with the monitoring and the debug ` +
            `port open. The median of ${formatList(sizes, 'MB')} counts.`,
        ],
      },
    ];
  },
};

async function readFreshMib(context: BenchContext): Promise<number> {
  await using agent = await AgentServer.start(context);
  await context.pause(SETTLE_MS);
  return agent.usage().rssBytes / (1 << 20);
}
