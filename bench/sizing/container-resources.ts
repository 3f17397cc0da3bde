/** What an agent has used with some number of pods on its node. */
export interface NodeSize {
  readonly pods: number;
  /** All pods come at once to an agent that has just started: the CPU until all are served, its start included. */
  readonly stormCpuMs: number;
  readonly stormElapsedMs: number;
  readonly peakBytes: number;
  /** Afterwards, at rest. */
  readonly restBytes: number;
  readonly restCpuShare: number;
}

/** Requests and limits of a container, in thousandths of a processor and in bytes. */
export interface ContainerResources {
  readonly requests: { readonly cpuMillis: number; readonly memoryBytes: number };
  readonly limits: { readonly cpuMillis: number; readonly memoryBytes: number };
}

/** The sizes that resources are made of: an ordinary full node, and as many pods as the largest have. */
export const ORDINARY_PODS = 110;
export const MOST_PODS = 250;

const MIB = 1 << 20;
const STORM_SPREAD_MS = 60_000;
const MARGIN = 1.5;
const MEMORY_STEP = 64 * MIB;

/**
 * The rule by which the DaemonSet's resources follow from what was measured:
 *
 * - memory is requested as an ordinary node has it at rest, and limited to one and a half times the peak of the
 *   largest one in a storm; both up to the next 64 MiB;
 * - CPU is requested so that the storm of an ordinary node is over within a minute with nothing but that, up to the
 *   next 10 thousandths; it is limited to whole processors, as many as the storm of the largest node has used, so that
 *   no storm is held back.
 */
export function toContainerResources(ordinary: NodeSize, largest: NodeSize): ContainerResources {
  return {
    requests: {
      cpuMillis: upTo(10, (1000 * ordinary.stormCpuMs) / STORM_SPREAD_MS),
      memoryBytes: upTo(MEMORY_STEP, ordinary.restBytes),
    },
    limits: {
      cpuMillis: upTo(1000, (1000 * largest.stormCpuMs) / largest.stormElapsedMs),
      memoryBytes: upTo(MEMORY_STEP, MARGIN * largest.peakBytes),
    },
  };
}

function upTo(step: number, value: number): number {
  return Math.max(1, Math.ceil(value / step)) * step;
}

/** As a manifest has it, such as `requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: 1000m, memory: 256Mi}`. */
export function toManifestText({ requests, limits }: ContainerResources): string {
  const text = ({ cpuMillis, memoryBytes }: ContainerResources['requests']): string =>
    `{cpu: ${cpuMillis}m, memory: ${memoryBytes / MIB}Mi}`;
  return `requests: ${text(requests)}, limits: ${text(limits)}`;
}
