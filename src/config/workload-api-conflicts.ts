import { resolve } from 'node:path';
import { quoteUntrusted } from '../core/agent-error.ts';
import { trustDomainOf } from '../core/spiffe-id.ts';
import type { Conflict } from './conflict.ts';
import type { SettingValues } from './sections.ts';

/** What does not go together in the settings of the SPIFFE Workload API. */
export function workloadApiConflicts(values: SettingValues, inCluster: boolean): readonly (Conflict | undefined)[] {
  return [nobodyKnown(values), sameSocket(values), ...uidConflicts(values, inCluster)];
}

function nobodyKnown(values: SettingValues): Conflict | undefined {
  const { WORKLOAD_API_UDS_PATH, WORKLOAD_API_UIDS, WORKLOAD_TOKENS } = values;
  if (WORKLOAD_API_UDS_PATH === undefined || WORKLOAD_API_UIDS !== undefined) return undefined;
  if (WORKLOAD_TOKENS === 'request') return undefined;
  return {
    names: ['WORKLOAD_API_UDS_PATH', 'WORKLOAD_API_UIDS'],
    text: 'WORKLOAD_API_UDS_PATH is set, but nothing says who connects; set WORKLOAD_TOKENS=request in a cluster, else WORKLOAD_API_UIDS',
  };
}

function sameSocket({ WORKLOAD_API_UDS_PATH, SDS_UDS_PATH }: SettingValues): Conflict | undefined {
  if (WORKLOAD_API_UDS_PATH === undefined || resolve(WORKLOAD_API_UDS_PATH) !== resolve(SDS_UDS_PATH)) return undefined;
  return {
    names: ['WORKLOAD_API_UDS_PATH', 'SDS_UDS_PATH'],
    text: `WORKLOAD_API_UDS_PATH and SDS_UDS_PATH are both ${quoteUntrusted(SDS_UDS_PATH)}; choose two paths`,
  };
}

function uidConflicts(values: SettingValues, inCluster: boolean): readonly (Conflict | undefined)[] {
  const { WORKLOAD_API_UIDS: users, WORKLOAD_TOKENS, CA_PROVIDER, TRUST_DOMAIN } = values;
  if (users === undefined) return [];
  const stranger = users.find(({ spiffeId }) => trustDomainOf(spiffeId) !== TRUST_DOMAIN);
  const twice = users.find(({ uid }, index) => users.findIndex((other) => other.uid === uid) !== index);
  return [
    inCluster
      ? {
          names: ['WORKLOAD_API_UIDS'],
          text: 'WORKLOAD_API_UIDS is set in a Kubernetes cluster, where a user id says nothing: any pod may have any; remove it',
        }
      : undefined,
    WORKLOAD_TOKENS === 'request'
      ? {
          names: ['WORKLOAD_API_UIDS', 'WORKLOAD_TOKENS'],
          text: 'WORKLOAD_API_UIDS is set, and WORKLOAD_TOKENS is request; callers are known by user or by pod: remove one',
        }
      : undefined,
    CA_PROVIDER.some((provider) => provider !== 'Embedded')
      ? {
          names: ['WORKLOAD_API_UIDS', 'CA_PROVIDER'],
          text: 'WORKLOAD_API_UIDS is set, but users have no token that a CA other than Embedded could verify; set CA_PROVIDER to Embedded',
        }
      : undefined,
    stranger && {
      names: ['WORKLOAD_API_UIDS', 'TRUST_DOMAIN'],
      text: `WORKLOAD_API_UIDS has ${quoteUntrusted(stranger.spiffeId)}, which is not of TRUST_DOMAIN (${TRUST_DOMAIN})`,
    },
    twice && { names: ['WORKLOAD_API_UIDS'], text: `WORKLOAD_API_UIDS has the user id ${twice.uid} twice` },
  ];
}
