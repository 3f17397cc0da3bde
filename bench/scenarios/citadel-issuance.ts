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
/** As many as make the agent's own code warm too: with 1,000 a third of what is measured is the compiler. */
const WARM_UP = 4_000;
const TIMES = 1_000;

interface Round {
  readonly agent: IssuanceCost;
  /** The same steps without an agent around them. */
  readonly bare: IssuanceCost;
  readonly floor: IssuanceCost;
}

/**
 * A certificate of a Citadel CA, beside what nobody who makes a key and calls with grpc-js can do without.
 *
 * What its parts take, warm, in microseconds of CPU on the machine where the target was missed: a key 65 (20 to make it,
 * 45 until OpenSSL has it; the floor's 32 would be Node's own way, which can stand still for good, see
 * `src/keys/key-pair.ts`), a CSR 33 (its signature 21), reading the answer 70, verifying it 80 (its signature 58),
 * the key's PEM 7, the time limit 28. The floor as a whole takes 330, so verification and the key alone make it 1.3.
 *
 * What went when this was measured first (1,550 in all, then 830), and does not come back unnoticed: reading `CA_ROOT_CA`
 * 150, verifying the CSR that the agent has just signed itself 210, reading and verifying a leaf twice 170, reading the root
 * each time 35, an error and an abort for each time limit that was kept 30, asking OpenSSL about a key just made 20.
 */
export const citadelIssuance: Scenario = {
  name: 'citadel-issuance',
  async run(context) {
    const rounds = await runRounds(context);
    const ratios = rounds.map(({ agent, floor }) => agent.cpuMs / floor.cpuMs);
    const toTexts = (costOf: (cost: IssuanceCost) => number): readonly string[] =>
      (['agent', 'bare', 'floor'] as const).map((who) =>
        formatList(
          rounds.map((round) => costOf(round[who])),
          'ms',
          2,
        ),
      );
    const [agentCpu, bareCpu, floorCpu] = toTexts(({ cpuMs }) => cpuMs);
    const [agentTime, , floorTime] = toTexts(({ elapsedMs }) => elapsedMs);
    const bareRatio = median(rounds.map(({ bare, floor }) => bare.cpuMs / floor.cpuMs));
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
          `Without an agent, that is nothing but key, CSR, call, reading and verifying the answer, and the key in PEM: ` +
            `${bareCpu}, which is ${bareRatio.toFixed(2)} × floor. Less than that cannot be reached without leaving one out.`,
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
    context.say(`Citadel, round ${number}: ${TIMES} certificates, as many without an agent, as many echoes`);
    rounds.push({
      agent: await runClient(context, { ...order, work: 'certificates', address: ca.address }),
      bare: await runClient(context, { ...order, work: 'bare', address: ca.address }),
      floor: await runClient(context, { ...order, work: 'echoes', address: echo.address }),
    });
  }
  return rounds;
}
