import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { ContainerResources } from './container-resources.ts';

type Quantities = Readonly<Record<'requests' | 'limits', { readonly cpu: string | number; readonly memory: string }>>;

/** The resources of the agents' containers in the chart. Throws where they are not written as the rule writes them. */
export function readDeployedResources(): ContainerResources {
  const chart = new URL('../../../deploy/chart/values.yaml', import.meta.url);
  const { resources }: { readonly resources: Quantities } = parse(readFileSync(chart, 'utf8'));
  return { requests: toNumbers(resources.requests), limits: toNumbers(resources.limits) };
}

function toNumbers({ cpu, memory }: Quantities['requests']): ContainerResources['requests'] {
  const [, millis] = /^(\d+)m$/.exec(String(cpu)) ?? [];
  const [, mebibytes] = /^(\d+)Mi$/.exec(memory) ?? [];
  if (millis === undefined || mebibytes === undefined)
    throw new Error(`${cpu} and ${memory} are not like 50m and 128Mi`);
  return { cpuMillis: Number(millis), memoryBytes: Number(mebibytes) << 20 };
}
