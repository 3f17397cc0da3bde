import type { z } from 'zod';
import { setting } from './setting.ts';
import type { AdminSettings, SdsSettings } from './settings.ts';
import { fileMode, socketGid, socketPath } from './socket-kinds.ts';
import { kindOf, listOf } from './value-kind.ts';

const name = kindOf('a name that does not begin with `spiffe://`', (given) =>
  given === '' || given.trim() !== given || given.startsWith('spiffe://') ? undefined : given,
);

/** The schema of the section "SDS socket". */
export const sdsShape = {
  SDS_UDS_PATH: setting(socketPath, '/var/run/sds/uds_path', 'the unix socket that Envoys connect to'),
  SDS_UDS_MODE: setting(fileMode, '0666', "the socket's permissions"),
  SDS_UDS_GID: setting(socketGid, '', 'the group id that the socket belongs to'),
  SDS_DEFAULT_SVID_NAMES: setting(listOf(name), 'default', "secret names that stand for the caller's certificate"),
  SDS_DEFAULT_BUNDLE_NAMES: setting(
    listOf(name),
    'ROOTCA',
    "secret names that stand for the trust bundle of the caller's trust domain",
  ),
  SDS_ALL_BUNDLES_NAME: setting(name, 'ALL', "the secret name that stands for every known trust domain's bundle"),
  ADMIN_SOCKET: setting(
    socketPath,
    '/var/run/sds-admin/admin.sock',
    'the unix socket of `status` and `rotate`, mode 0600; not in or below the directory of SDS_UDS_PATH or WORKLOAD_API_UDS_PATH, which pods mount',
  ),
};

type Values = z.output<z.ZodObject<typeof sdsShape>>;

export function toSdsSettings(values: Values): SdsSettings {
  return {
    socketPath: values.SDS_UDS_PATH,
    socketMode: values.SDS_UDS_MODE,
    socketGid: values.SDS_UDS_GID,
    svidNames: values.SDS_DEFAULT_SVID_NAMES,
    bundleNames: values.SDS_DEFAULT_BUNDLE_NAMES,
    allBundlesName: values.SDS_ALL_BUNDLES_NAME,
  };
}

export function toAdminSettings(values: Values): AdminSettings {
  return { socketPath: values.ADMIN_SOCKET };
}
