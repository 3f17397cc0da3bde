import type { Conflict } from './conflict.ts';
import type { SettingValues } from './sections.ts';
import type { KubernetesSettings, PeerAttestation } from './settings.ts';

/** What WORKLOAD_TOKENS=request needs and is not there. */
export function workloadTokenConflicts(
  { WORKLOAD_TOKENS, NODE_NAME }: SettingValues,
  { api }: KubernetesSettings,
  attestation: PeerAttestation,
): readonly (Conflict | undefined)[] {
  if (WORKLOAD_TOKENS === 'projected') return [];
  const lacks = (isMissing: boolean, name: keyof SettingValues, why: string): Conflict | undefined =>
    isMissing ? { names: [name, 'WORKLOAD_TOKENS'], text: `WORKLOAD_TOKENS is request, but ${why}` } : undefined;
  return [
    lacks(
      api === undefined,
      'KUBERNETES_API_SERVER',
      'there is nobody to request tokens of: this is no cluster, and KUBERNETES_API_SERVER is not set; set it',
    ),
    lacks(
      NODE_NAME === undefined,
      'NODE_NAME',
      'NODE_NAME is not set; set it to the name of the node that the agent runs on (spec.nodeName of its pod)',
    ),
    lacks(
      attestation === 'off',
      'PEER_ATTESTATION',
      'PEER_ATTESTATION is off, so that nothing says who connects; set it to warn or enforce',
    ),
  ];
}
