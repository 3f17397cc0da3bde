import { loadCitadelProvider } from '../../src/ca-providers/citadel/load-citadel-provider.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { systemClock as clock } from '../../src/runtime/system-clock.ts';
import { workloadToken } from '../../test/fakes/workload-tokens.ts';
import { createBenchCache, nextCertificate, silent, TRUST_DOMAIN, toCaller } from '../cache/bench-cache.ts';
import type { IssuanceOrder, Work } from './issuance-order.ts';

/** From the first wish for a workload's certificate until it can be served, with the agent's own parts. */
export async function createCertificateWork({ address, rootFile }: IssuanceOrder): Promise<Work> {
  const env = { CA_PROVIDER: 'Citadel', CA_ADDR: address, CA_ROOT_CA: rootFile, TOKEN_VERIFIER: 'embedded' };
  const settings = { ...loadSettings(env), trustDomain: TRUST_DOMAIN, clock, log: silent };
  const provider = await loadCitadelProvider(settings);
  // What may be asked within a second is not what is measured here.
  const cache = createBenchCache({ provider, clock, maxInFlight: 8, maxPerSecond: 100_000, random: Math.random });
  void cache.run(new AbortController().signal);
  return (index) => {
    const caller = toCaller(index, clock);
    return nextCertificate(cache, { ...caller, token: workloadToken(caller.identity.spiffeId) });
  };
}
