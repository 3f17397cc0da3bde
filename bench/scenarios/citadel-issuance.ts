import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLoopbackCertificate } from '../../test/identity/loopback-certificate.ts';
import type { BenchContext } from '../bench-context.ts';
import type { IssuanceCost } from '../issuance/issuance-order.ts';
import { IssuanceServer } from '../issuance/issuance-server.ts';
import { readMessageBytes } from '../issuance/message-bytes.ts';
import { runClient } from '../issuance/run-client.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';

const ROUNDS = 5;
const WARM_UP = 1_000;
const TIMES = 1_000;

interface Round {
  readonly agent: IssuanceCost;
  readonly floor: IssuanceCost;
}

/** A certificate of a Citadel CA, beside what nobody who makes a key and calls with grpc-js can do without. */
export const citadelIssuance: Scenario = {
  name: 'citadel-issuance',
  async run(context) {
    const rounds = await runRounds(context);
    const ratios = rounds.map(({ agent, floor }) => agent.cpuMs / floor.cpuMs);
    const toTexts = (costOf: (cost: IssuanceCost) => number): readonly string[] =>
      [rounds.map(({ agent }) => costOf(agent)), rounds.map(({ floor }) => costOf(floor))].map((costs) =>
        formatList(costs, 'ms', 2),
      );
    const [agentCpu, floorCpu] = toTexts(({ cpuMs }) => cpuMs);
    const [agentTime, floorTime] = toTexts(({ elapsedMs }) => elapsedMs);
    return [
      {
        work: 'certificate through Citadel on loopback, from the wish until it is served: CPU of the agent',
        value: median(ratios),
        unit: 'ratio',
        limit: 1.3,
        details: [
          'The floor: a P-256 key, a signature with it, and a unary call of grpc-js with the same token and messages of ' +
            'the same size, over TLS. Its server answers with bytes that were made before.',
          "The agent's cache, issuer and Citadel provider, and a CA that really signs: key, CSR, call, verification, and " +
            `planning the renewal. Clients and servers are processes of their own; ${TIMES} one after the other are ` +
            `counted, after ${WARM_UP} for the compiler. The CPU of the servers is not counted.`,
          `Agent: ${agentCpu} a certificate. Floor: ${floorCpu}.`,
          `The ratios of the rounds are ${formatList(ratios, '', 2).trim()}; the median counts.`,
          `The time that passes, which holds the work of the CA: agent ${agentTime}, floor ${floorTime}.`,
        ],
      },
    ];
  },
};

/** In turns, each client as a fresh process. */
async function runRounds(context: BenchContext): Promise<Round[]> {
  const { requestBytes, answerBytes } = await readMessageBytes();
  const folder = context.newFolder();
  const [rootFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const { cert, key } = await createLoopbackCertificate();
  writeFileSync(rootFile, cert);
  writeFileSync(keyFile, key);
  await using ca = await IssuanceServer.start(context, 'ca', [rootFile, keyFile]);
  await using echo = await IssuanceServer.start(context, 'echo', [rootFile, keyFile, String(answerBytes)]);
  const order = { rootFile, requestBytes, warmUp: WARM_UP, times: TIMES };
  const rounds: Round[] = [];
  for (let number = 1; number <= context.rounds(ROUNDS); number++) {
    context.say(`Citadel, round ${number}: ${TIMES} certificates, then as many echoes`);
    rounds.push({
      agent: await runClient(context, { ...order, work: 'certificates', address: ca.address }),
      floor: await runClient(context, { ...order, work: 'echoes', address: echo.address }),
    });
  }
  return rounds;
}
