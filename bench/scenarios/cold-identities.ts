import type { BenchContext } from '../bench-context.ts';
import { LoadProcess } from '../load/load-process.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import { mostInFlight } from './most-in-flight.ts';

const IDENTITIES = 200;
const ROUNDS = 5;
const SETTLE_MS = 1_000;
/** The default of `CA_MAX_INFLIGHT`. */
const MAX_IN_FLIGHT = 8;

interface Round {
  readonly coldMs: number;
  readonly warmMs: number;
  readonly elapsedMs: number;
}

/** A fresh agent is asked for 200 certificates at once. */
export const coldIdentities: Scenario = {
  name: 'cold-identities',
  async run(context) {
    context.say(`cold: ${IDENTITIES} identities ask a fresh agent at once`);
    const rounds: Round[] = [];
    for (let number = 0; number < context.rounds(ROUNDS); number++) rounds.push(await runRound(context));
    const colds = rounds.map(({ coldMs }) => coldMs / IDENTITIES);
    const warms = rounds.map(({ warmMs }) => warmMs / IDENTITIES);
    const inFlight = await mostInFlight(context, IDENTITIES, MAX_IN_FLIGHT);
    return [
      {
        work: `cold: ${IDENTITIES} identities ask at once, embedded CA, all served: CPU an identity`,
        value: median(colds),
        unit: 'ms',
        limit: 2,
        details: [
          `All CPU of a process that has just started, its compiler's too: connection, 61 KB Node, token, key, CSR, ` +
            `certificate, verification, answer. The median of ${formatList(colds, 'ms', 2)} counts.`,
          `The same Envoys again, from the cache: ${formatList(warms, 'ms', 2)}.`,
          `From the first connection to the last secret: ${formatList(
            rounds.map(({ elapsedMs }) => elapsedMs),
            'ms',
            0,
          )}.`,
        ],
      },
      {
        work: 'cold: issuances in flight, with `CA_MAX_INFLIGHT` at its default',
        value: inFlight,
        unit: 'at once',
        limit: MAX_IN_FLIGHT,
        details: [
          `The most that a CA has seen at once while ${IDENTITIES} identities were asked for: the agent's cache and ` +
            'issuer in one process with an embedded CA that takes 5 ms longer, and counts.',
        ],
      },
    ];
  },
};

async function runRound(context: BenchContext): Promise<Round> {
  await using agent = await AgentServer.start(context);
  await using load = new LoadProcess(context);
  const tokens = await agent.mintTokens(IDENTITIES);
  const group = 'cold';
  const opening = { group, tokens, connections: IDENTITIES, atOnce: IDENTITIES, resourceNames: ['default'] };
  const ask = async (): Promise<{ cpuMs: number; elapsedMs: number }> => {
    const before = agent.usage();
    const { elapsedMs } = await load.open({ ...opening, socketPath: agent.socketPath });
    return { cpuMs: agent.usage().cpuMs - before.cpuMs, elapsedMs };
  };
  await context.pause(SETTLE_MS);
  const cold = await ask();
  await load.close();
  await context.pause(SETTLE_MS);
  const warm = await ask();
  return { coldMs: cold.cpuMs, elapsedMs: cold.elapsedMs, warmMs: warm.cpuMs };
}
