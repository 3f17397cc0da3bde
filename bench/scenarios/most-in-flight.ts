import { loadEmbeddedProvider } from '../../src/ca-providers/embedded/load-embedded-provider.ts';
import { systemClock as clock } from '../../src/runtime/system-clock.ts';
import { FaultyCa } from '../../test/fakes/faulty-ca.ts';
import type { BenchContext } from '../bench-context.ts';
import { createBenchCache, nextCertificate, silent, TRUST_DOMAIN, toCaller } from '../cache/bench-cache.ts';

/** How much longer than the embedded CA this one takes, so that requests that may overlap do. */
const DELAY_MS = 5;

/** The most requests that the CA has had at once while so many identities were wanted at the same moment. */
export async function mostInFlight(context: BenchContext, identities: number, maxInFlight: number): Promise<number> {
  const options = { stateDir: context.newFolder(), trustDomain: TRUST_DOMAIN, clock, log: silent };
  const ca = new FaultyCa(await loadEmbeddedProvider(options), clock);
  ca.delayMs = DELAY_MS;
  // What is asked within a second is not what is measured here.
  const cache = createBenchCache({ provider: ca, clock, maxInFlight, maxPerSecond: 100_000, random: Math.random });
  const life = new AbortController();
  const running = cache.run(AbortSignal.any([life.signal, context.signal]));
  const callers = Array.from({ length: identities }, (_, index) => toCaller(index, clock));
  await Promise.all(callers.map((caller) => nextCertificate(cache, caller)));
  life.abort();
  await running;
  return ca.mostInFlight;
}
