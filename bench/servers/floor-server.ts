import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchContext } from '../bench-context.ts';
import type { OwnedProcess } from '../processes/owned-process.ts';
import { readUsage, type Usage } from '../processes/process-usage.ts';
import type { MeasuredServer } from './measured-server.ts';
import { takesConnections } from './takes-connections.ts';

const MAIN = fileURLToPath(new URL('../floor/floor-main.js', import.meta.url));

/** The floor: what the same conversation costs on node:http2 alone. */
export class FloorServer implements MeasuredServer {
  readonly socketPath: string;
  readonly #owned: OwnedProcess;

  private constructor(socketPath: string, owned: OwnedProcess) {
    this.socketPath = socketPath;
    this.#owned = owned;
  }

  /** @param responseBytes the size of the answer to each stream of a connection */
  static async start(context: BenchContext, responseBytes: readonly number[]): Promise<FloorServer> {
    const socketPath = join(context.newFolder(), 'socket');
    const args = [MAIN, socketPath, ...responseBytes.map(String)];
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'], env: {} });
    const owned = context.pen.own('the floor', child);
    await Promise.race([takesConnections(socketPath), owned.failure]);
    return new FloorServer(socketPath, owned);
  }

  usage(): Usage {
    return readUsage(this.#owned.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.stop();
  }
}
