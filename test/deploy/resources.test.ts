import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type NodeSize, toContainerResources, toManifestText } from '../../bench/sizing/container-resources.ts';
import { readDeployedResources } from '../../bench/sizing/deployed-resources.ts';
import { inCheckout } from './harness/checkout.ts';

const MIB = 1 << 20;
const SIZE: NodeSize = {
  pods: 110,
  stormCpuMs: 600,
  stormElapsedMs: 1000,
  peakBytes: 100 * MIB,
  restBytes: 64 * MIB,
  restCpuShare: 0.01,
};

test('resources follow from what was measured, up to the next step', () => {
  const resources = toContainerResources(SIZE, { ...SIZE, pods: 250 });
  assert.equal(toManifestText(resources), 'requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 1000m, memory: 192Mi}');
  const more = toContainerResources(
    { ...SIZE, stormCpuMs: 601, restBytes: 64 * MIB + 1 },
    { ...SIZE, stormCpuMs: 1001, peakBytes: 129 * MIB },
  );
  assert.equal(toManifestText(more), 'requests: {cpu: 20m, memory: 128Mi}, limits: {cpu: 2000m, memory: 256Mi}');
});

test('the chart has the resources that the rule gives for what docs/benchmarks.md says was measured', () => {
  const page = readFileSync(inCheckout('docs/benchmarks.md'), 'utf8');
  const [, shown] = /By the rule in `bench\/sizing` this makes `(.*)`\./.exec(page) ?? [];
  assert.equal(toManifestText(readDeployedResources()), shown);
});
