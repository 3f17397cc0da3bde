import { test } from 'node:test';
import { CLUSTER_CASES } from './cluster-cases.ts';
import { FakeCluster } from './fake-cluster.ts';

for (const { what, run } of CLUSTER_CASES) {
  test(`with the fake API server ${what}`, async () => {
    await using cluster = await FakeCluster.start();
    await run(cluster);
  });
}
