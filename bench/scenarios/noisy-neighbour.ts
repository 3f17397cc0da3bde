import type { BenchContext } from '../bench-context.ts';
import type { Finding } from '../finding.ts';
import { median } from '../maths/median.ts';
import type { NoiseKind } from '../noise/noise-order.ts';
import { NoiseProcess } from '../noise/noise-process.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';

const ROUNDS = 5;
const VISITS = 200;
const EVERY_MS = 20;
const WARM_UP_VISITS = 50;
/** Until the noisy one has used up what it may do at once. */
const SETTLE_MS = 6_000;

const NOISES: Readonly<Record<NoiseKind, { readonly connections: number; readonly streams: number }>> = {
  'new streams': { connections: 4, streams: 100 },
  messages: { connections: 4, streams: 10 },
};

interface Round {
  readonly aloneMs: number;
  readonly besideMs: number;
}

/** One pod makes as much noise as it is let: how long does the Envoy of another wait for its secret? */
export const noisyNeighbour: Scenario = {
  name: 'noisy-neighbour',
  async run(context) {
    const findings: Finding[] = [];
    for (const kind of ['new streams', 'messages'] as const) {
      const rounds: Round[] = [];
      for (let number = 1; number <= context.rounds(ROUNDS); number++) {
        context.say(`noisy neighbour, ${kind}, round ${number}`);
        rounds.push(await runRound(context, kind));
      }
      findings.push(toFinding(kind, rounds));
    }
    return findings;
  },
};

async function runRound(context: BenchContext, kind: NoiseKind): Promise<Round> {
  await using agent = await AgentServer.start(context);
  const [quiet = '', noisy = ''] = await agent.mintTokens(2);
  const { socketPath } = agent;
  await latencyMs(context, socketPath, quiet, WARM_UP_VISITS);
  const aloneMs = await latencyMs(context, socketPath, quiet, VISITS);
  await using noise = new NoiseProcess(context);
  await noise.obey({ role: 'noisy', kind, socketPath, token: noisy, ...NOISES[kind] });
  await context.pause(SETTLE_MS);
  return { aloneMs, besideMs: await latencyMs(context, socketPath, quiet, VISITS) };
}

/** What 99 of 100 visits do not take longer than. */
async function latencyMs(context: BenchContext, socketPath: string, token: string, visits: number): Promise<number> {
  await using quiet = new NoiseProcess(context);
  const answer = await quiet.obey({ role: 'quiet', socketPath, token, visits, everyMs: EVERY_MS });
  if (answer.answer !== 'visited') throw new Error('the quiet one did not visit');
  const sorted = [...answer.latenciesMs].sort((a, b) => a - b);
  return sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN;
}

function toFinding(kind: NoiseKind, rounds: readonly Round[]): Finding {
  const { connections, streams } = NOISES[kind];
  const alone = rounds.map(({ aloneMs }) => aloneMs);
  const beside = rounds.map(({ besideMs }) => besideMs);
  return {
    work: `an Envoy's first secret (99th percentile) beside a pod that makes noise with ${kind}`,
    value: median(beside) / median(alone),
    unit: 'ratio',
    limit: 2,
    details: [
      `Alone: ${formatList(alone, 'ms', 1)}. Beside the noise: ${formatList(beside, 'ms', 1)}. The medians count.`,
      `${VISITS} streams, one every ${EVERY_MS} ms. The noise: ${connections} connections with ${streams} streams each, ` +
        (kind === 'new streams'
          ? 'each ended when it is served or refused, and opened again at once.'
          : 'on each of which it sends acknowledgements without end.'),
    ],
  };
}
