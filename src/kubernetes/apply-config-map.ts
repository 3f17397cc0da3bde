import type { KubernetesClient } from './kubernetes-client.ts';

/** In whose name fields are set: what others set in the object stays theirs. */
const FIELD_MANAGER = 'sds-node-agent';

export interface ConfigMapContent {
  readonly namespace: string;
  readonly name: string;
  /** Texts by their keys, which are file names where a pod mounts them. */
  readonly data: Readonly<Record<string, string>>;
}

/**
 * Makes a ConfigMap hold these keys, whether it is there or not (Kubernetes API Concepts, "Server-Side Apply"). Keys
 * that were applied before and are not here are removed; those of others are left alone.
 *
 * @throws AgentError of the `kubernetes-*` family; `request-cancelled` when the signal has aborted
 */
export async function applyConfigMap(
  client: Pick<KubernetesClient, 'ask'>,
  { namespace, name, data }: ConfigMapContent,
  signal: AbortSignal,
): Promise<void> {
  const target = { group: '', version: 'v1', resource: 'configmaps', namespace, name };
  const query = { fieldManager: FIELD_MANAGER, force: 'true' };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
  await client.ask({ verb: 'patch', target, query, body }, signal);
}
