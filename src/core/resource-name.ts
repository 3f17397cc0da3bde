import type { Caller } from './caller.ts';
import type { SecretRef } from './secret.ts';
import { trustDomainOf } from './spiffe-id.ts';

/** Which names stand for which secrets; settings `SDS_DEFAULT_SVID_NAMES` and its two siblings. */
export interface ResourceNames {
  readonly svidNames: readonly string[];
  readonly bundleNames: readonly string[];
  readonly allBundlesName: string;
  /**
   * What any other name means to this caller: names of secrets that the agent only passes on, such as `file-cert:…`.
   * Absent: nothing.
   */
  readonly elsewhere?: (name: string, caller: Caller) => SecretRef | undefined;
}

/**
 * What a resource name means to this caller, or undefined when it means nothing: then it is answered with
 * silence. Another workload's SPIFFE ID means nothing too, so that nobody learns whether it exists.
 */
export function resolveResourceName(name: string, caller: Caller, names: ResourceNames): SecretRef | undefined {
  const { spiffeId } = caller.identity;
  if (name === spiffeId || names.svidNames.includes(name)) return { kind: 'certificate', caller };
  const trustDomain = trustDomainOf(spiffeId);
  if (name === `spiffe://${trustDomain}` || names.bundleNames.includes(name)) return { kind: 'bundle', trustDomain };
  if (name === names.allBundlesName) return { kind: 'all-bundles' };
  return names.elsewhere?.(name, caller);
}
