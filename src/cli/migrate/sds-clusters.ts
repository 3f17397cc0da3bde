import { AgentError } from '../../core/agent-error.ts';
import { AGENT_CLUSTER, toAgentCluster } from '../envoy-bootstrap/agent-cluster.ts';
import { usesEnvoyClient } from '../envoy-bootstrap/bootstrap.ts';
import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { TOKEN_SECRET, toTokenSecret } from '../envoy-bootstrap/token-secret.ts';
import { Draft } from './draft.ts';
import { isList, type Scope } from './scope.ts';
import { dig, digText } from './walk.ts';

/**
 * Exchanges the clusters: that of the SDS server of old goes when nothing names it any more, that of the agent comes
 * where Envoy's own client asks it, with the limits and the token that `envoy-config` gives it.
 *
 * @throws AgentError `settings-invalid` when another cluster has the agent's name
 */
export function exchangeSdsClusters(bootstrap: EnvoyObject, scope: Scope): EnvoyObject {
  const { access } = scope.plan;
  const needsCluster = scope.findings.certificates + scope.findings.bundles > 0 && usesEnvoyClient(access);
  const draft = new Draft(bootstrap, scope);
  if (needsCluster && draft.get('static_resources') === undefined) draft.set('static_resources', {});
  draft.within('static_resources', (inner) => {
    const clusters = withoutOldServers(inner, bootstrap);
    const secrets = inner.scope
      .list(inner.get('secrets') ?? [])
      .filter((secret) => dig(secret, 'name') !== TOKEN_SECRET);
    if (needsCluster) {
      if (clusters.some((cluster) => dig(cluster, 'name') === AGENT_CLUSTER)) throw nameIsTaken();
      clusters.unshift(toAgentCluster(access));
      if (access.tokenSecretFile === undefined) secrets.push(toTokenSecret(access.tokenFile));
    }
    if (clusters.length > 0) inner.set('clusters', clusters);
    inner.set('secrets', secrets.length === 0 ? undefined : secrets);
  });
  return draft.toObject();
}

function withoutOldServers(resources: Draft, bootstrap: EnvoyObject): EnvoyValue[] {
  const at = resources.scope.at('clusters');
  const { plan } = at;
  const all = at.list(resources.get('clusters') ?? []);
  return all.filter((cluster, index) => {
    const name = digText(cluster, 'name');
    if (name === undefined || !plan.socketClusters.has(name) || !plan.sdsClusters.has(name)) return true;
    if (name === AGENT_CLUSTER) return false;
    const rest = [...all.filter((other) => other !== cluster), { ...resources.toObject(), clusters: [] }];
    if (mentions(rest, name) || mentions({ ...bootstrap, static_resources: {} }, name)) return true;
    if (dig(bootstrap, 'dynamic_resources') !== undefined) {
      at.at(index).changed(name, 'kept, because dynamic resources may name it; the agent does not serve there');
      return true;
    }
    at.at(index).changed(name, 'left out: nothing asks this SDS server any more');
    return false;
  });
}

function nameIsTaken(): AgentError {
  return new AgentError('settings-invalid', `there is a cluster ${AGENT_CLUSTER} for another purpose: rename it first`);
}

/** Whether a text stands anywhere in a value. */
function mentions(value: EnvoyValue, text: string): boolean {
  if (typeof value !== 'object') return value === text;
  return (isList(value) ? value : Object.values(value)).some((part) => mentions(part, text));
}
