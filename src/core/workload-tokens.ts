import type { Token } from './caller.ts';

/** A token of a pod's service account. */
export interface WorkloadToken {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly token: Token;
  /** Wall-clock milliseconds after which the token is not valid any more. */
  readonly expiresAtMs: number;
}

/**
 * Tokens for the pods of this node, for workloads that bring none.
 *
 * An implementation
 * - MUST give a token of the pod's own service account that is bound to this very pod, for the agent's audience;
 * - MUST give one that is valid for a while, and the same one again as long as that is so;
 * - MUST reject with `token-rejected` for a pod that is not one of this node, or no more, and with
 *   `token-source-unavailable` when it cannot get one now;
 * - MUST honour the signal and be safe for concurrent calls.
 *
 * Whoever calls it MUST know the pod by the kernel's word, not by the caller's.
 */
export interface WorkloadTokens {
  /** The pod's token where one is at hand that need not be renewed yet. At once, without I/O. */
  recall(podUid: string): WorkloadToken | undefined;
  obtain(podUid: string, signal: AbortSignal): Promise<WorkloadToken>;
}
