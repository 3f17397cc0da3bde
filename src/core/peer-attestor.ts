/** What the kernel says about the process that opened a connection. */
export type Attestation =
  /**
   * It runs in a container of this pod. `podUid` is the UID by which the kubelet names the pod: of a pod that the API
   * server knows, lower case with dashes; of a static pod a hash of 32 hexadecimal digits.
   */
  | { readonly kind: 'pod'; readonly podUid: string }
  /** It runs on the node, outside all pods. */
  | { readonly kind: 'no-pod' }
  /** The kernel does not tell: the process is gone, its pid belongs to another, or `/proc` does not show it. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** The process that opened a connection, as the kernel names it at the moment that the connection is accepted. */
export interface AcceptedProcess {
  /** SO_PEERCRED; 0 for a process that this agent's pid namespace does not show. */
  readonly pid: number;
  /**
   * SO_PEERPIDFD: a descriptor of the process itself, whatever becomes of its pid; open until `attest` has returned.
   * `refused`: the kernel gives none, as the process is gone. `unsupported`: the kernel has none to give (before 6.5).
   */
  readonly pidfd: number | 'refused' | 'unsupported';
}

/**
 * Says which pod a peer belongs to, by the kernel's word alone. It is asked once for each connection, when that is
 * accepted; what it says is `PeerCredentials.attestation` of every call on the connection.
 *
 * An implementation
 * - MUST answer for the process that connected: when its pid has been given to another process since, `unknown`;
 * - MUST NOT believe anything that the peer itself can write (names, environment, mounts, metadata of the call);
 * - MUST NOT throw, and MUST answer at once: the agent does nothing else meanwhile.
 */
export interface PeerAttestor {
  attest(process: AcceptedProcess): Attestation;
}
