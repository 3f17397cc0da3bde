import type { BenchContext } from '../bench-context.ts';
import type { Finding } from '../finding.ts';
import type { Pushes } from '../load/load-order.ts';
import { LoadProcess } from '../load/load-process.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import { BOTH_NAMES } from './storm.ts';

const RENEWED_STREAMS = 1_000;
const OTHER_CONNECTIONS = 200;
const OTHER_IDENTITIES = 49;
const ROUNDS = 5;
/** Far longer than a push takes, so that one that should not come has come. */
const QUIET_MS = 1_500;

interface Round {
  readonly spreadMs: number;
  readonly cpuMs: number;
  /** Streams that got something and should not have, or got it twice. */
  readonly disturbed: number;
  readonly missed: number;
}

/** One identity's certificate is renewed: its streams get it at once, and nobody else gets anything. */
export const renewalPush: Scenario = {
  name: 'renewal-push',
  async run(context) {
    await using agent = await AgentServer.start(context);
    await using load = new LoadProcess(context);
    context.say(`renewal push: ${RENEWED_STREAMS} connections of one identity, ${OTHER_CONNECTIONS} of others`);
    const common = { socketPath: agent.socketPath, resourceNames: BOTH_NAMES, atOnce: 64 };
    const [tokens, others] = [await agent.mintTokens(1), await agent.mintTokens(OTHER_IDENTITIES, 1)];
    await load.open({ ...common, group: 'renewed', connections: RENEWED_STREAMS, tokens });
    await load.open({ ...common, group: 'others', connections: OTHER_CONNECTIONS, tokens: others });
    await context.pause(QUIET_MS);
    const rounds: Round[] = [];
    for (let number = 0; number < context.rounds(ROUNDS); number++) rounds.push(await runRound(context, agent, load));
    return toFindings(rounds);
  },
};

async function runRound(context: BenchContext, agent: AgentServer, load: LoadProcess): Promise<Round> {
  await load.watch();
  const before = agent.usage();
  await agent.rotate(0);
  await context.pause(QUIET_MS);
  const cpuMs = agent.usage().cpuMs - before.cpuMs;
  return { ...judge(await load.report()), cpuMs };
}

/** Every renewed stream must have got one push, every other stream none. */
function judge(pushes: readonly Pushes[]): Omit<Round, 'cpuMs'> {
  let spreadMs = Number.NaN;
  let disturbed = 0;
  let missed = 0;
  for (const { group, resourceName, streams, streamsByCount, ...pushed } of pushes) {
    const [none = 0, one = 0] = streamsByCount;
    if (group === 'renewed' && resourceName === 'default') {
      spreadMs = pushed.spreadMs;
      missed += none;
      disturbed += streams - none - one;
    } else {
      disturbed += streams - none;
    }
  }
  return { spreadMs, disturbed, missed };
}

function toFindings(rounds: readonly Round[]): Finding[] {
  const spreads = rounds.map(({ spreadMs }) => spreadMs);
  const missed = rounds.reduce((sum, round) => sum + round.missed, 0);
  const others = RENEWED_STREAMS + BOTH_NAMES.length * OTHER_CONNECTIONS;
  return [
    {
      work: `one identity's renewal pushed to ${RENEWED_STREAMS} streams: first to last arrival`,
      // A push that did not come has no time.
      value: missed === 0 ? median(spreads) : Number.POSITIVE_INFINITY,
      unit: 'ms',
      limit: 60,
      details: [
        `Triggered with \`rotate --identity\`; the median of ${formatList(spreads, 'ms')} counts.`,
        'Timed where the pushes arrive: the load client only reads and notes the time, and acknowledges later. ' +
          'So it is the time between the writes, and what one process needs to read from as many sockets.',
        `CPU of the agent for key, certificate and pushes: ${formatList(
          rounds.map(({ cpuMs }) => cpuMs),
          'ms',
        )}. Streams that missed a push: ${missed}.`,
      ],
    },
    {
      work: 'one identity’s renewal: other streams that got a push, or streams that got it twice',
      value: rounds.reduce((sum, { disturbed }) => sum + disturbed, 0),
      unit: 'streams',
      limit: 0,
      details: [
        `${others} other streams were open: \`ROOTCA\` of the same Envoys, and both names of ` +
          `${OTHER_CONNECTIONS} Envoys of ${OTHER_IDENTITIES} other identities.`,
      ],
    },
  ];
}
