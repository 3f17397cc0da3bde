import { AgentError } from '../core/agent-error.ts';
import type { KubernetesSecretData } from '../core/kubernetes-secrets.ts';
import { Redacted } from '../core/redacted.ts';
import type { GatewayBundleSecret, GatewayCertificateSecret } from '../core/secret.ts';
import { parseCertifiedKey, requireValidNow } from '../keys/certified-key.ts';
import { parseTrustedRoots } from '../keys/trusted-roots.ts';

/** By which keys, in the order of Istio (pilot/pkg/credentials/kube/secrets.go): generic Secrets, then TLS ones. */
const PAIR_KEYS = [
  ['cert', 'key'],
  ['tls.crt', 'tls.key'],
] as const;
const ROOTS_KEYS = ['cacert', 'ca.crt'] as const;

/** @throws AgentError `secret-unusable` */
export function toGatewayCertificate(data: KubernetesSecretData, nowMs: number): GatewayCertificateSecret {
  const parts = data.reveal();
  for (const [chainName, keyName] of PAIR_KEYS) {
    const [chain, key] = [parts.get(chainName), parts.get(keyName)];
    if (chain === undefined || key === undefined) continue;
    const pair = parseCertifiedKey({ chain: String(chain), key: new Redacted(String(key)) });
    requireValidNow(pair, nowMs);
    return { kind: 'gateway-certificate', ...pair };
  }
  throw new AgentError('secret-unusable', 'the Secret has neither tls.crt and tls.key nor cert and key');
}

/** @throws AgentError `secret-unusable` */
export function toGatewayBundle(data: KubernetesSecretData, nowMs: number): GatewayBundleSecret {
  const parts = data.reveal();
  for (const name of ROOTS_KEYS) {
    const roots = parts.get(name);
    if (roots !== undefined) return { kind: 'gateway-bundle', ...parseTrustedRoots(String(roots), nowMs) };
  }
  throw new AgentError('secret-unusable', 'the Secret has neither cacert nor ca.crt');
}
