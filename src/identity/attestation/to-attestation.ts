import type { Attestation } from '../../core/peer-attestor.ts';
import { parseCgroupPaths } from './parse-cgroup-paths.ts';
import { type CgroupPlace, podOfCgroup } from './pod-of-cgroup.ts';

/**
 * What the text of `/proc/<pid>/cgroup` says about a process. With cgroup v1 there is a path for each hierarchy, and a
 * runtime need not use all of them (the unified one of a hybrid host is often the runtime's own service): those that
 * name a pod count, and have to agree.
 */
export function toAttestation(cgroupFile: string): Attestation {
  const places = [...new Set(parseCgroupPaths(cgroupFile))].map(podOfCgroup);
  const unclear = places.find(isUnclear);
  if (unclear !== undefined) return { kind: 'unknown', reason: unclear.reason };
  const [podUid, ...others] = new Set(places.flatMap((place) => (place.kind === 'pod' ? [place.podUid] : [])));
  if (others.length > 0) return { kind: 'unknown', reason: 'its cgroups name several pods' };
  if (podUid !== undefined) return { kind: 'pod', podUid };
  if (places.some(({ kind }) => kind === 'outside')) return { kind: 'no-pod' };
  return { kind: 'unknown', reason: 'its cgroup is the root of what the agent can see' };
}

function isUnclear(place: CgroupPlace): place is Extract<CgroupPlace, { readonly kind: 'unclear' }> {
  return place.kind === 'unclear';
}
