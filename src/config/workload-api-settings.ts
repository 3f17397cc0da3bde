import type { z } from 'zod';
import { parseSpiffeId, type SpiffeId } from '../core/spiffe-id.ts';
import { setting } from './setting.ts';
import type { WorkloadApiSettings } from './settings.ts';
import { fileMode, socketGid, socketPath } from './socket-kinds.ts';
import { duration, kindOf, listOf, orEmpty } from './value-kind.ts';

/** A user of this machine and who that is. */
export interface UserIdentity {
  readonly uid: number;
  readonly spiffeId: SpiffeId;
}

const userIdentity = kindOf('a user id, `=` and a SPIFFE ID', (given): UserIdentity | undefined => {
  const [, uid, id = ''] = /^(\d{1,10})=(.*)$/.exec(given) ?? [];
  try {
    return uid === undefined ? undefined : { uid: Number(uid), spiffeId: parseSpiffeId(id) };
  } catch {
    return undefined;
  }
});

/** The schema of the section "SPIFFE Workload API". */
export const workloadApiShape = {
  WORKLOAD_API_UDS_PATH: setting(
    orEmpty(socketPath, 'it is off'),
    '',
    'the unix socket of the SPIFFE Workload API, in a directory that workloads mount; they find it as `SPIFFE_ENDPOINT_SOCKET=unix://<path>`',
  ),
  WORKLOAD_API_UDS_MODE: setting(fileMode, '0666', "that socket's permissions"),
  WORKLOAD_API_UDS_GID: setting(socketGid, '', 'the group id that it belongs to'),
  WORKLOAD_API_UIDS: setting(
    orEmpty(listOf(userIdentity)),
    '',
    'outside Kubernetes, with `CA_PROVIDER=Embedded`: which user of this machine is who, such as `1000=spiffe://cluster.local/ns/shop/sa/web`; everybody else is nobody',
  ),
  JWT_SVID_TTL: setting(duration(10_000, 3_600_000), '5m', 'the lifetime of a JWT-SVID'),
};

type Values = z.output<z.ZodObject<typeof workloadApiShape>>;

export function toWorkloadApiSettings(values: Values): WorkloadApiSettings {
  return {
    socketPath: values.WORKLOAD_API_UDS_PATH,
    socketMode: values.WORKLOAD_API_UDS_MODE,
    socketGid: values.WORKLOAD_API_UDS_GID,
    identityOfUid: new Map(values.WORKLOAD_API_UIDS?.map(({ uid, spiffeId }) => [uid, spiffeId])),
    jwtTtlMs: values.JWT_SVID_TTL,
  };
}
