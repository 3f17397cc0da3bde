import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FakeClock, hours, minutes } from '../../test/fakes/fake-clock.ts';
import { FaultyCa } from '../../test/fakes/faulty-ca.ts';
import { MemoryCa } from '../../test/fakes/memory-ca.ts';
import { seededRandom } from '../../test/fakes/seeded-random.ts';
import { createBenchCache, nextCertificate, toCaller } from '../cache/bench-cache.ts';
import { median } from '../maths/median.ts';
import { formatList } from '../report/format-value.ts';
import type { Scenario } from '../scenario.ts';

const IDENTITIES = 500;
/** The heap is looked at this often: ten times in the half hour. */
const STEP_MS = minutes(3);
const STEPS = 10;
const MIB = 1 << 20;

/** Half an hour without a CA, on a clock that does not wait for it. */
export const outage: Scenario = {
  name: 'outage',
  async run(context) {
    context.say(
      `outage: ${IDENTITIES} identities are due, and the CA is down for ${(STEP_MS * STEPS) / minutes(1)} minutes`,
    );
    const collectGarbage = exposeGarbageCollection();
    const clock = new FakeClock();
    const ca = new FaultyCa(await MemoryCa.create(clock), clock);
    const cache = createBenchCache({ provider: ca, clock, maxInFlight: 8, maxPerSecond: 100, random: seededRandom(1) });
    const life = new AbortController();
    const running = cache.run(AbortSignal.any([life.signal, context.signal]));
    let served = 0;
    for (let index = 0; index < IDENTITIES; index++) {
      void nextCertificate(cache, toCaller(index, clock)).then(() => served++);
    }
    while (served < IDENTITIES) await clock.advance(100);
    ca.fault = 'down';
    // Until the last of them is due, and every backoff has reached its longest step.
    await clock.advance(hours(13.5));
    const asked = ca.askedAtMs.length;
    const heapMib: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      await clock.advance(STEP_MS);
      // What the fake keeps for its own count is none of the agent's.
      ca.askedAtMs.length = asked;
      collectGarbage();
      heapMib.push(process.memoryUsage().heapUsed / MIB);
    }
    life.abort();
    await running;
    const third = Math.floor(STEPS / 3);
    return [
      {
        work: `outage of half an hour, ${IDENTITIES} identities due: growth of the heap`,
        value: median(heapMib.slice(-third)) - median(heapMib.slice(0, third)),
        unit: 'MB',
        limit: 0.5,
        details: [
          "Simulated: the agent's cache and issuer in this process, with real keys and requests, on a clock that is " +
            `advanced. After a garbage collection every three minutes the heap held ${formatList(heapMib, 'MB', 2)}; ` +
            'the median of the last three less that of the first three counts.',
        ],
      },
    ];
  },
};

/** Node has it behind a flag, which can be set while it runs, for contexts that are made after. */
function exposeGarbageCollection(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
