import { shout } from './ensure/progress.mjs';
import { REPOSITORY } from './ensure/repository.mjs';
import { ensureBuilt } from './ensure.mjs';
import { runNodeTest } from './test/run-node-test.mjs';

/**
 * `npm run test:kubernetes`: what `npm test` shows with a fake API server, with a real one. It makes a namespace there,
 * and deletes it again; nothing runs, no node is needed.
 */
const NEEDED = ['KUBERNETES_TEST_URL', 'KUBERNETES_TEST_TOKEN'];

process.chdir(REPOSITORY);
const missing = NEEDED.filter((name) => (process.env[name] ?? '') === '');
if (missing.length > 0) {
  shout([
    `The tests with a real Kubernetes API server DO NOT RUN: ${missing.join(' and ')} not set.`,
    'KUBERNETES_TEST_URL is the server, such as https://127.0.0.1:6443, KUBERNETES_TEST_TOKEN a bearer token that may do',
    'everything, KUBERNETES_TEST_CA_FILE the roots that verify the server, where Node does not know them.',
  ]);
  process.exitCode = 1;
} else {
  await ensureBuilt();
  process.exitCode = (await runNodeTest([], ['dist/test/kubernetes/on-real-cluster.js'], process.env)).status;
}
