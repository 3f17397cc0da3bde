import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Names of the scenarios to run; never empty. */
  readonly only: readonly string[];
  /** One round of each, and ten seconds of idleness in place of sixty. */
  readonly quick: boolean;
  /** Print JSON in place of the table. */
  readonly json: boolean;
  /** Write docs/benchmarks.md. */
  readonly write: boolean;
  /** The agent's launcher. */
  readonly launcher: string;
  /** Where each agent leaves a CPU profile; undefined: nowhere. */
  readonly profileFolder: string | undefined;
}

export const BENCH_HELP = `usage: npm run bench -- [flags]

Measures the agent against its targets; each server, each client and each round is a process of its own.
Exit status 1 when a target is missed.

  --only NAME      only this scenario; may be given several times
  --quick          one round of each, for a first look
  --json           JSON on stdout in place of the table
  --write          write docs/benchmarks.md; needs a full run
  --agent FILE     the launcher to measure  [bin/sds-node-agent of this checkout]
  --profile DIR    each agent leaves a CPU profile there; its numbers are worth less then
  --help
`;

/**
 * Reads the command line.
 *
 * @param names the scenarios there are
 * @param launcher the agent's launcher where no other is given
 * @returns undefined where help was asked for
 * @throws Error that says what is wrong and what is allowed
 */
export function parseBenchOptions(
  argv: readonly string[],
  names: readonly string[],
  launcher: string,
): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      agent: { type: 'string', default: launcher },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { only = names, quick, json, write, profile, help } = values;
  if (help) return undefined;
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no scenario ${unknown}; there are ${names.join(', ')}`);
  if (write && (quick || values.only !== undefined || profile !== undefined)) {
    throw new Error('--write needs a full run: leave out --quick, --only and --profile');
  }
  const profileFolder = profile === undefined ? undefined : resolve(profile);
  return { only, quick, json, write, launcher: resolve(values.agent), profileFolder };
}
