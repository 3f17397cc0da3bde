import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvoyObject } from '../../src/cli/envoy-bootstrap/document.ts';
import { eventually } from './eventually.ts';
import { GuardedProcess } from './guarded-process.ts';
import { httpOverUnix } from './http-over-unix.ts';

/** A certificate that Envoy holds, as `/certs` shows it. */
export interface HeldCertificate {
  readonly serial_number: string;
  readonly expiration_time: string;
  readonly subject_alt_names: readonly { readonly uri?: string }[];
}

interface CertsAnswer {
  readonly certificates: readonly {
    readonly ca_cert: readonly HeldCertificate[];
    readonly cert_chain: readonly HeldCertificate[];
  }[];
}

/** A real Envoy. Its admin interface is the unix socket `<name>-admin.sock` in its folder. */
export class EnvoyProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #adminPath: string;
  readonly #process: GuardedProcess;

  /** Where the bootstrap must put the admin interface of an Envoy with this name. */
  static adminPath(folder: string, name: string): string {
    return join(folder, `${name}-admin.sock`);
  }

  constructor(binary: string, folder: string, name: string, bootstrap: EnvoyObject) {
    this.name = name;
    this.logFile = join(folder, `${name}.log`);
    this.#adminPath = EnvoyProcess.adminPath(folder, name);
    const configFile = join(folder, `${name}.json`);
    writeFileSync(configFile, JSON.stringify(bootstrap, null, 2));
    // Envoy does not remove sockets that an earlier one left behind.
    rmSync(this.#adminPath, { force: true });
    const args = ['--config-path', configFile, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning'];
    this.#process = new GuardedProcess({ command: binary, args, logFile: this.logFile });
  }

  assertRunning(): void {
    this.#process.assertRunning();
  }

  async stop(): Promise<void> {
    await this.#process.kill();
  }

  /** Stops it where it is: connections stay, nothing is answered or acknowledged. */
  freeze(): void {
    this.#process.freeze();
  }

  thaw(): void {
    this.#process.thaw();
  }

  /** The body of an admin page, whatever its status. */
  async admin(path: string): Promise<string> {
    return (await httpOverUnix(this.#adminPath, path)).body;
  }

  /** Whether every listener and cluster has what it needs. */
  async isLive(): Promise<boolean> {
    return (await httpOverUnix(this.#adminPath, '/ready')).status === 200;
  }

  async untilLive(withinMs = 30_000): Promise<void> {
    await eventually(`Envoy ${this.name} is live`, () => this.isLive(), {
      withinMs,
      check: () => this.assertRunning(),
    });
  }

  /** Counters and gauges whose names match. */
  async stats(filter: RegExp): Promise<ReadonlyMap<string, number>> {
    const text = await this.admin(`/stats?filter=${encodeURIComponent(filter.source)}`);
    const pairs = text.split('\n').flatMap((line): [string, number][] => {
      const [, name, value] = /^(.+): (\d+)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(value)]];
    });
    return new Map(pairs);
  }

  /** The sum of all counters whose names match. */
  async count(filter: RegExp): Promise<number> {
    let sum = 0;
    for (const value of (await this.stats(filter)).values()) sum += value;
    return sum;
  }

  /** Leaf certificates in use, and the roots that are trusted; each once. */
  async certificates(): Promise<{ readonly leaves: HeldCertificate[]; readonly roots: HeldCertificate[] }> {
    const { certificates }: CertsAnswer = JSON.parse(await this.admin('/certs'));
    const leaves = certificates.flatMap(({ cert_chain }) => cert_chain.slice(0, 1));
    return { leaves: unique(leaves), roots: unique(certificates.flatMap(({ ca_cert }) => ca_cert)) };
  }
}

function unique(certificates: readonly HeldCertificate[]): HeldCertificate[] {
  return [...new Map(certificates.map((one) => [one.serial_number, one])).values()];
}
