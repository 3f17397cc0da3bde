import { execFileSync } from 'node:child_process';
import { pinnedWheels } from './pinned-wheels.mjs';

/** The public client of the SPIFFE Workload API that the tests run; a directory for `PYTHONPATH`. */
export const pySpiffe = pinnedWheels({
  name: 'py-spiffe',
  variable: 'PY_SPIFFE_PATH',
  folder: 'py-spiffe',
  wheel: 'spiffe',
  size: '15 MB',
  inside: '',
  check(path) {
    execFileSync('python3', ['-c', 'import spiffe'], { env: { ...process.env, PYTHONPATH: path } });
  },
});
