import type { CaProvider } from '../../core/ca-provider.ts';
import { FailoverProvider, type FailoverProviderParts } from './failover-provider.ts';

/** Several CAs as one, the preferred one first. One alone is as it is. */
export function joined(providers: readonly CaProvider[], parts: FailoverProviderParts): CaProvider {
  const [only, ...others] = providers;
  return only !== undefined && others.length === 0 ? only : new FailoverProvider(providers, parts);
}
