import { toAgentError } from '../core/agent-error.ts';
import type { CaProvider, DerCertificates } from '../core/ca-provider.ts';
import type { Clock } from '../core/clock.ts';
import type { CaMeter, CaOperation } from '../core/meters.ts';
import type { CaHealth } from '../core/status-report.ts';

/** A certificate authority that counts, times and remembers how its requests end. */
export interface MeteredCa extends CaProvider {
  health(): CaHealth;
}

/** Decorates a provider; answers and errors pass unchanged. */
export function metered(provider: CaProvider, meter: CaMeter, clock: Clock): MeteredCa {
  let health: CaHealth = { provider: provider.name, healthy: true };
  meter.introduced(provider.name);

  const succeeded = (): void => {
    health = { ...health, healthy: true, lastSuccessMs: clock.now() };
  };
  const failed = (thrown: unknown): string => {
    const { code, message } = toAgentError(thrown);
    health = { ...health, healthy: false, lastError: { code, message, atMs: clock.now() } };
    return code;
  };
  const measure = async (operation: CaOperation, request: () => Promise<DerCertificates>): Promise<DerCertificates> => {
    const ended = meter.requestStarted(provider.name, operation);
    try {
      const answer = await request();
      succeeded();
      ended('ok');
      return answer;
    } catch (thrown) {
      ended(failed(thrown));
      throw thrown;
    }
  };
  async function* noteAll(updates: AsyncIterable<DerCertificates>): AsyncGenerator<DerCertificates> {
    try {
      for await (const roots of updates) {
        succeeded();
        yield roots;
      }
    } catch (thrown) {
      failed(thrown);
      throw thrown;
    }
  }

  const watch = provider.watchRoots?.bind(provider);
  return {
    name: provider.name,
    sign: (request, signal) => measure('sign', () => provider.sign(request, signal)),
    roots: (signal) => measure('roots', () => provider.roots(signal)),
    // Only where the provider has it: its absence tells the cache to ask now and then.
    ...(watch && { watchRoots: (signal: AbortSignal) => noteAll(watch(signal)) }),
    health: () => health,
  };
}
