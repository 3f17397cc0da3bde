import { inspect } from 'node:util';
import { FailoverProvider } from '../../src/ca-providers/failover/failover-provider.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { systemClock as clock } from '../../src/runtime/system-clock.ts';
import { describeCaProvider } from '../contracts/ca-provider.ts';
import type { CaFaults, CaUnderTest } from '../contracts/ca-under-test.ts';
import { seconds } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { workloadToken } from '../fakes/workload-tokens.ts';
import { CitadelWorld, WEB } from './citadel/citadel-world.ts';

const ALL = { faults: true, badTokens: true, changeRoot: true } as const;

/** Two CAs, each in its own server. What goes wrong goes wrong with both: else the other one signs. */
async function createCas(): Promise<CaUnderTest> {
  const worlds = [await CitadelWorld.start(), await CitadelWorld.start()] as const;
  const providers = await Promise.all(worlds.map((world) => world.load()));
  const log = new RecordingLog();
  const provider = new FailoverProvider(providers, { timeLimitMs: seconds(10), clock, log, random: () => 1 });
  const cas = worlds.map(({ ca }) => ca);
  const faults: CaFaults = {
    set: async (fault) => void (await Promise.all(cas.map((ca) => ca.set(fault)))),
    openRequests: () => cas.reduce((sum, ca) => sum + ca.openRequests(), 0),
  };
  return {
    provider,
    clock,
    tokenFor: async (id) => workloadToken(id),
    badTokens: async () => ({
      wrong: new Redacted(`${workloadToken(WEB).reveal()}AAAA`),
      expired: workloadToken(WEB, clock.now() - 1000),
    }),
    faults,
    changeRoot: () => worlds[0].ca.ca.replaceRoot(),
    logged: () => inspect([log.events, ...worlds.map((world) => world.log.events)], { depth: 10 }),
    [Symbol.asyncDispose]: async () => {
      for (const world of worlds) await world[Symbol.asyncDispose]();
    },
  };
}

describeCaProvider('FailoverProvider of two servers that fail together', createCas, ALL);
