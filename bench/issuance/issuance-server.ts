import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BenchContext } from '../bench-context.ts';
import type { OwnedProcess } from '../processes/owned-process.ts';

/** The CA of the tests, and the floor's server. Each says where it listens. */
const MAINS = { ca: '../../test/fakes/citadel-ca-main.js', echo: './echo-main.js' };

/** A gRPC server with TLS in a process of its own, on a free port of loopback. Disposing ends it. */
export class IssuanceServer implements AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  readonly #owned: OwnedProcess;

  private constructor(address: string, owned: OwnedProcess) {
    this.address = address;
    this.#owned = owned;
  }

  /** @param args the files of its certificate and key, and whatever else it wants */
  static async start(
    context: BenchContext,
    kind: keyof typeof MAINS,
    args: readonly string[],
  ): Promise<IssuanceServer> {
    const main = fileURLToPath(new URL(MAINS[kind], import.meta.url));
    const child = spawn(process.execPath, [main, 'localhost:0', ...args], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {},
    });
    const owned = context.pen.own(`the server of ${kind}`, child);
    const [said] = await Promise.race([once(child.stdout, 'data'), owned.failure]);
    return new IssuanceServer(String(said).trim(), owned);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.stop();
  }
}
