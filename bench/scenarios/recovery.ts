import { loadEmbeddedProvider } from '../../src/ca-providers/embedded/load-embedded-provider.ts';
import { systemClock as clock } from '../../src/runtime/system-clock.ts';
import { FaultyCa } from '../../test/fakes/faulty-ca.ts';
import type { BenchContext } from '../bench-context.ts';
import { createBenchCache, nextCertificate, silent, TRUST_DOMAIN, toCaller } from '../cache/bench-cache.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';

const IDENTITIES = 500;
const ROUNDS = 3;
const OUTAGE_MS = 8_000;
/** The defaults of `CA_MAX_INFLIGHT` and `CA_MAX_RPS`. */
const MAX_IN_FLIGHT = 8;
const MAX_PER_SECOND = 100;

interface Round {
  readonly cpuMs: number;
  readonly elapsedMs: number;
  readonly mostWithinASecond: number;
  readonly mostInFlight: number;
}

/** The CA comes back, and 500 identities wait for it. */
export const recovery: Scenario = {
  name: 'recovery',
  async run(context) {
    context.say(`recovery: ${IDENTITIES} identities wait while the CA is down for ${OUTAGE_MS / 1000} s`);
    const rounds: Round[] = [];
    for (let number = 0; number < context.rounds(ROUNDS); number++) rounds.push(await runRound(context));
    const each = rounds.map(({ cpuMs }) => cpuMs / IDENTITIES);
    const most = (countOf: (round: Round) => number): number => Math.max(...rounds.map(countOf));
    return [
      {
        work: `recovery: ${IDENTITIES} identities are due when the CA comes back: CPU an identity`,
        value: median(each),
        unit: 'ms',
        limit: 3,
        details: [
          "The agent's cache and issuer in one process with the embedded CA, whose signatures are counted too: key, " +
            `CSR, signature, verification, waiting its turn. The median of ${formatList(each, 'ms', 2)} counts.`,
          `From the end of the outage to the last certificate: ${formatList(
            rounds.map(({ elapsedMs }) => elapsedMs / 1000),
            's',
          )}. ${IDENTITIES} at ${MAX_PER_SECOND} a second take ${IDENTITIES / MAX_PER_SECOND} s; the rest is backoff.`,
          `At most ${most(({ mostInFlight }) => mostInFlight)} requests were at the CA at once, of ${MAX_IN_FLIGHT}.`,
        ],
      },
      {
        work: 'recovery: issuances that begin within any second, with `CA_MAX_RPS` at its default',
        value: most(({ mostWithinASecond }) => mostWithinASecond),
        unit: 'a second',
        limit: MAX_PER_SECOND,
        details: ['Counted at the CA, over the outage and the recovery of the rounds above.'],
      },
    ];
  },
};

async function runRound(context: BenchContext): Promise<Round> {
  const options = { stateDir: context.newFolder(), trustDomain: TRUST_DOMAIN, clock, log: silent };
  const ca = new FaultyCa(await loadEmbeddedProvider(options), clock);
  const limits = { maxInFlight: MAX_IN_FLIGHT, maxPerSecond: MAX_PER_SECOND };
  const cache = createBenchCache({ provider: ca, clock, random: Math.random, ...limits });
  const life = new AbortController();
  const running = cache.run(AbortSignal.any([life.signal, context.signal]));
  ca.fault = 'down';
  const callers = Array.from({ length: IDENTITIES }, (_, index) => toCaller(index, clock));
  const served = Promise.all(callers.map((caller) => nextCertificate(cache, caller)));
  await context.pause(OUTAGE_MS);
  const startedAtMs = clock.monotonic();
  const before = process.cpuUsage();
  ca.fault = undefined;
  await served;
  const { user, system } = process.cpuUsage(before);
  const elapsedMs = clock.monotonic() - startedAtMs;
  life.abort();
  await running;
  const { mostInFlight } = ca;
  return { cpuMs: (user + system) / 1000, elapsedMs, mostWithinASecond: ca.mostWithinASecond(), mostInFlight };
}
