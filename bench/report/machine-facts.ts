import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** What the numbers depend on. */
export interface MachineFacts {
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryGib: number;
  /** The load average of the last minute before the run: the run was disturbed if it is not near 0. */
  readonly loadBefore: number;
  readonly node: string;
  readonly kernel: string;
  /** The day of the run, UTC. */
  readonly date: string;
  /** The commit that was measured; marked where the working tree differed from it, or `unknown`. */
  readonly commit: string;
}

/** @param root the checkout */
export function readMachineFacts(root: string): MachineFacts {
  const [cpu] = cpus();
  const [loadBefore = 0] = loadavg();
  return {
    cpuModel: cpu?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: totalmem() / 2 ** 30,
    loadBefore,
    node: process.version,
    kernel: `Linux ${release()}`,
    date: new Date().toISOString().slice(0, 10),
    commit: readCommit(root),
  };
}

function readCommit(root: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain', '--', 'src') === '' ? commit : `${commit} and changes`;
  } catch {
    return 'unknown';
  }
}
