import { LoadConnection } from './load-connection.ts';
import type { LoadAnswer, LoadOrder, Opened, Opening, Pushes } from './load-order.ts';
import type { LoadStream } from './load-stream.ts';

/** Many Envoys in one process: does what an order says, and answers. */
export class LoadClient {
  readonly #groups = new Map<string, LoadConnection[]>();

  async execute(order: LoadOrder): Promise<LoadAnswer> {
    switch (order.order) {
      case 'open':
        return { answer: 'opened', ...(await this.#open(order)) };
      case 'watch':
        for (const { stream } of this.#streams()) stream.watch();
        return { answer: 'watching' };
      case 'report':
        return { answer: 'report', pushes: this.#report() };
      case 'close':
        await Promise.all([...this.#groups.values()].flat().map((connection) => connection.close()));
        this.#groups.clear();
        return { answer: 'closed' };
    }
  }

  async #open({ group, socketPath, connections, tokens, resourceNames, atOnce }: Opening): Promise<Opened> {
    const startedMs = performance.now();
    const opened: LoadConnection[] = [];
    this.#groups.set(group, opened);
    let responseBytes: readonly number[] = [];
    const openInTurn = async (): Promise<void> => {
      while (opened.length < connections) {
        const index = opened.length;
        const nodeId = `sidecar~10.1.${index >> 8}.${index & 255}~web-${index}.shop~shop.svc.cluster.local`;
        const connection = new LoadConnection(socketPath, nodeId, tokens[index % tokens.length] ?? '', resourceNames);
        opened.push(connection);
        responseBytes = await connection.served();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, openInTurn));
    return { elapsedMs: performance.now() - startedMs, responseBytes };
  }

  #report(): Pushes[] {
    const arrivals = new Map<string, { group: string; resourceName: string; perStream: (readonly number[])[] }>();
    for (const { group, stream } of this.#streams()) {
      const { resourceName } = stream;
      const key = `${group} ${resourceName}`;
      const found = arrivals.get(key) ?? { group, resourceName, perStream: [] };
      found.perStream.push(stream.takeArrivals());
      arrivals.set(key, found);
    }
    return [...arrivals.values()].map(({ perStream, ...names }) => ({ ...names, ...summary(perStream) }));
  }

  *#streams(): Generator<{ group: string; stream: LoadStream }> {
    for (const [group, connections] of this.#groups) {
      for (const { streams } of connections) for (const stream of streams) yield { group, stream };
    }
  }
}

function summary(perStream: readonly (readonly number[])[]): Pick<Pushes, 'streams' | 'streamsByCount' | 'spreadMs'> {
  const streamsByCount = [0];
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const arrivalsMs of perStream) {
    while (streamsByCount.length <= arrivalsMs.length) streamsByCount.push(0);
    streamsByCount[arrivalsMs.length] = (streamsByCount[arrivalsMs.length] ?? 0) + 1;
    for (const arrivalMs of arrivalsMs) {
      firstMs = Math.min(firstMs, arrivalMs);
      lastMs = Math.max(lastMs, arrivalMs);
    }
  }
  return { streams: perStream.length, streamsByCount, spreadMs: Math.max(0, lastMs - firstMs) };
}
