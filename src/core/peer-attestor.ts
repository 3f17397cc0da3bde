import type { PeerCredentials } from './caller.ts';

/** What the kernel says about the process that opened a connection. */
export type Attestation =
  /** It runs in a container of this pod. `podUid` is a Kubernetes UID, lower case with dashes. */
  | { readonly kind: 'pod'; readonly podUid: string }
  /** It runs on the node, outside all pods. */
  | { readonly kind: 'no-pod' }
  /** The kernel does not tell: the process is gone, its pid belongs to another, or `/proc` does not show it. */
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * Says which pod a peer belongs to, by the kernel's word alone.
 *
 * An implementation
 * - MUST answer for the process that connected: when its pid has been given to another process since, `unknown`;
 * - MUST NOT believe anything that the peer itself can write (names, environment, metadata of the call);
 * - MUST be safe to ask often: it is asked for each connection.
 */
export interface PeerAttestor {
  attest(peer: PeerCredentials): Attestation;
}
