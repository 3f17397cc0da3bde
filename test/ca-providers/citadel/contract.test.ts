import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { CaProvider } from '../../../src/core/ca-provider.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { systemClock } from '../../../src/runtime/system-clock.ts';
import { describeCaProvider } from '../../contracts/ca-provider.ts';
import type { CaUnderTest } from '../../contracts/ca-under-test.ts';
import { CitadelCa } from '../../fakes/citadel-ca.ts';
import { RecordingLog } from '../../fakes/recording-log.ts';
import { workloadToken } from '../../fakes/workload-tokens.ts';
import { CitadelWorld, loadCitadel, WEB } from './citadel-world.ts';

const ALL = { faults: true, badTokens: true, changeRoot: true } as const;

function toCaUnderTest(ca: CitadelCa, provider: CaProvider, log: RecordingLog): CaUnderTest {
  return {
    provider,
    clock: systemClock,
    tokenFor: async (id) => workloadToken(id),
    badTokens: async () => ({
      wrong: new Redacted(`${workloadToken(WEB).reveal()}AAAA`),
      expired: workloadToken(WEB, systemClock.now() - 1000),
    }),
    faults: ca,
    changeRoot: () => ca.ca.replaceRoot(),
    logged: () => inspect(log.events, { depth: 10 }),
  };
}

describeCaProvider(
  'CitadelProvider over TLS',
  async () => {
    const world = await CitadelWorld.start();
    const provider = await world.load();
    return {
      ...toCaUnderTest(world.ca, provider, world.log),
      [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
    };
  },
  ALL,
);

describeCaProvider(
  'CitadelProvider through a unix socket',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'citadel-'));
    const log = new RecordingLog();
    const ca = await CitadelCa.start({ address: `unix:${join(directory, 'ca.sock')}` });
    return {
      ...toCaUnderTest(ca, await loadCitadel({ CA_ADDR: ca.address }, log), log),
      [Symbol.asyncDispose]: async () => {
        ca.stop();
        await rm(directory, { recursive: true });
      },
    };
  },
  ALL,
);
