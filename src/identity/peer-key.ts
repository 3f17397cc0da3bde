import type { PeerCredentials } from '../core/caller.ts';

/**
 * Whose connection it is, for the limits of a peer: the pod's, as attested; else the process's, which bounds one that is
 * out of order, but not one that forks. Not the user's: the Envoys of all pods have the same. Undefined where the kernel
 * shows no process: to count all of those as one would be worse than not to.
 */
export function toPeerKey({ pid, attestation }: PeerCredentials): string | undefined {
  if (attestation?.kind === 'pod') return `pod ${attestation.podUid}`;
  return pid > 0 ? `process ${pid}` : undefined;
}
