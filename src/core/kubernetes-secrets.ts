import type { Redacted } from './redacted.ts';

/** What a Kubernetes Secret holds, by key, decoded. */
export type KubernetesSecretData = Redacted<ReadonlyMap<string, Buffer>>;

/**
 * The Secrets of one Kubernetes namespace that may be passed on to gateways, and word of their changes.
 *
 * - It MUST know no other Secrets than those of type `kubernetes.io/tls` and those with the label `GATEWAY_LABEL`.
 * - `get` MUST NOT do I/O. While `isSynced` is false, what it does not know may be there nevertheless.
 * - `run` follows the Secrets until the signal aborts, and calls `onChange` synchronously with the name of each that is
 *   new, different or gone, and once without a name when `isSynced` has become true.
 */
export interface KubernetesSecrets {
  readonly namespace: string;
  readonly isSynced: boolean;
  get(name: string): KubernetesSecretData | undefined;
  run(signal: AbortSignal, onChange: (name?: string) => void): Promise<void>;
}

/** A Secret of any type is passed on where this label is `true`. */
export const GATEWAY_LABEL = 'sds-node-agent/gateway-secret';
