import { AgentError } from '../core/agent-error.ts';
import { type ApiResource, type ApiVerb, toAccessRule } from './api-request.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { readList, readPath } from './read-path.ts';

const PODS: ApiResource = { group: '', version: 'v1', resource: 'pods' };
const NEEDED: readonly { readonly verb: ApiVerb; readonly target: ApiResource }[] = [
  { verb: 'list', target: PODS },
  { verb: 'watch', target: PODS },
  { verb: 'create', target: { group: '', version: 'v1', resource: 'serviceaccounts', subresource: 'token' } },
];

/**
 * Finds out whether the agent may ask for tokens of the pods of its node (authorization.k8s.io/v1,
 * SelfSubjectAccessReview, which everybody may create), and gives the number of pods that it would know.
 *
 * @throws AgentError `kubernetes-permission-denied` with every rule that is missing; of the `kubernetes-*` family
 */
export async function checkTokenRights(
  client: Pick<KubernetesClient, 'ask'>,
  nodeName: string,
  signal: AbortSignal,
): Promise<number> {
  const rules: string[] = [];
  for (const access of NEEDED) {
    if (!(await isAllowed(client, access, signal))) rules.push(toAccessRule(access));
  }
  if (rules.length > 0) {
    const message = `the agent may not ask for tokens of pods: give it, in the whole cluster, the rules ${rules.join(' ')}`;
    throw new AgentError('kubernetes-permission-denied', message);
  }
  const query = { fieldSelector: `spec.nodeName=${nodeName}`, resourceVersion: '0' };
  return readList(await client.ask({ verb: 'list', target: PODS, query }, signal), 'items').length;
}

async function isAllowed(
  client: Pick<KubernetesClient, 'ask'>,
  { verb, target: { group, resource, subresource } }: (typeof NEEDED)[number],
  signal: AbortSignal,
): Promise<boolean> {
  const resourceAttributes = { verb, group, resource, ...(subresource !== undefined && { subresource }) };
  const head = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };
  const target = { group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectaccessreviews' };
  const answer = await client.ask({ verb: 'create', target, body: { ...head, spec: { resourceAttributes } } }, signal);
  return readPath(answer, 'status', 'allowed') === true;
}
