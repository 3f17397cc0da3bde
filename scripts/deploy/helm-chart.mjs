import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { exclusively } from '../ensure/exclusively.mjs';
import { helm } from '../ensure/helm.mjs';
import { inRepository } from '../ensure/repository.mjs';

/** The chart of this checkout. */
export const CHART = inRepository('deploy', 'chart');

/**
 * Renders the chart as `helm template` does, once for each order, and lints it.
 *
 * @param orders `{ values, namespace }` each
 * @returns `{ answers, lint }`: for each order `{ files }`, the text of each template by its path, or `{ error }`; and
 *   what the linter says, nothing where all is well
 */
export async function renderChart(orders) {
  const home = dirname(await exclusively(helm.ensure));
  const child = spawn('python3', [inRepository('scripts', 'deploy', 'helm.py'), CHART], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: home, PYTHONDONTWRITEBYTECODE: '1' },
  });
  child.stdin.end(JSON.stringify(orders));
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [printed, status] = await Promise.all([text(child.stdout), ended]);
  if (status !== 0) throw new Error(`Helm has failed with status ${status}`);
  return JSON.parse(printed);
}
