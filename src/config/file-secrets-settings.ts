import { normalize } from 'node:path';
import type { z } from 'zod';
import { setting } from './setting.ts';
import type { FileSecretsSettings } from './settings.ts';
import { kindOf, listOf, orEmpty } from './value-kind.ts';

const directory = kindOf(
  'the absolute path of a directory other than `/`, without `.` and `..`, in which `{namespace}` may stand for that of the caller',
  (given) => {
    const path = given.replace(/\/+$/, '');
    return path.startsWith('/') && normalize(path) === path && !path.includes('\0') ? path : undefined;
  },
);

/** The schema of the section "Secrets in files". */
export const fileSecretsShape = {
  FILE_SECRET_DIRS: setting(
    orEmpty(listOf(directory), 'none are served'),
    '',
    'the directories from which every caller may read certificates with their keys, as `file-cert:<chain>~<key>`, and roots, as `file-root:<file>` or `file-root:system`',
  ),
};

type Values = z.output<z.ZodObject<typeof fileSecretsShape>>;

export function toFileSecretsSettings(values: Values): FileSecretsSettings {
  return { directories: values.FILE_SECRET_DIRS ?? [] };
}
