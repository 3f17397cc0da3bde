import type { BenchContext } from '../bench-context.ts';
import { LoadProcess } from '../load/load-process.ts';
import type { MeasuredServer } from '../servers/measured-server.ts';

export const BOTH_NAMES: readonly string[] = ['default', 'ROOTCA'];
/** How many Envoys wait for their first secrets at a time: enough to keep the server busy, bounded for both. */
const AT_ONCE = 64;
const SETTLE_MS = 2_000;

export interface StormCost {
  /** CPU of the server from before the first connection until every stream has its secret. */
  readonly cpuMs: number;
  /** Resident memory of the server with all streams open and at rest, above what it was before. */
  readonly grownBytes: number;
  readonly elapsedMs: number;
  readonly responseBytes: readonly number[];
}

/**
 * Has many Envoys connect, each with a stream for each name, and measures what that costs the server. Before, as
 * many as there are tokens have connected and gone: so every identity is in the cache, and what a process compiles
 * and allocates once, whatever the load, does not count.
 */
export async function storm(
  context: BenchContext,
  server: MeasuredServer,
  { connections, tokens }: { readonly connections: number; readonly tokens: readonly string[] },
): Promise<StormCost> {
  await using load = new LoadProcess(context);
  const { socketPath } = server;
  const common = { socketPath, tokens, resourceNames: BOTH_NAMES, atOnce: AT_ONCE };
  await load.open({ ...common, group: 'before', connections: tokens.length });
  await load.close();
  await context.pause(SETTLE_MS);

  const before = server.usage();
  const { elapsedMs, responseBytes } = await load.open({ ...common, group: 'storm', connections });
  const served = server.usage();
  await context.pause(SETTLE_MS);
  const atRest = server.usage();
  return {
    cpuMs: served.cpuMs - before.cpuMs,
    grownBytes: atRest.rssBytes - before.rssBytes,
    elapsedMs,
    responseBytes,
  };
}
