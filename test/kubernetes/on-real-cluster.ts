import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CLUSTER_CASES } from './cluster-cases.ts';
import { RealCluster } from './real-cluster.ts';

// No `.test.ts`: `npm run test:kubernetes` runs it, and sees to these variables.
const {
  KUBERNETES_TEST_URL: url = '',
  KUBERNETES_TEST_TOKEN: token = '',
  KUBERNETES_TEST_CA_FILE: caFile,
} = process.env;

const cluster = await RealCluster.start({
  url: url.replace(/\/$/, ''),
  token,
  ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'),
});

test('with a real API server', async (t) => {
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const { what, run } of CLUSTER_CASES) await t.test(what, () => run(cluster));
});
