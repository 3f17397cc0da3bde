import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** Real cgroups that are called like those of pods, as a kubelet with the driver `cgroupfs` makes them. */
export class PodCgroups implements Disposable {
  readonly #root: string;
  /** Directories that were made here, outermost first. */
  readonly #made: string[] = [];

  private constructor(root: string) {
    this.#root = root;
  }

  /** Undefined where this process may not make any: it takes root, and a cgroup file system that can be written to. */
  static create(): PodCgroups | undefined {
    for (const root of hierarchies()) {
      using trial = new PodCgroups(root);
      try {
        trial.door('00000000-0000-0000-0000-000000000000');
        return new PodCgroups(root);
      } catch {
        // The next one may do.
      }
    }
    return undefined;
  }

  /** Puts a process into a container of the pod. */
  enter(podUid: string, pid: number): void {
    appendFileSync(this.door(podUid), String(pid));
  }

  /** The file that a process writes 0 to, to get into a container of the pod by itself. */
  door(podUid: string): string {
    const container = join(this.#root, 'kubepods', 'burstable', `pod${podUid}`, 'c'.repeat(64));
    this.#make(container);
    return join(container, 'cgroup.procs');
  }

  [Symbol.dispose](): void {
    for (const directory of this.#made.reverse()) {
      try {
        rmdirSync(directory);
      } catch {
        // A kubelet's own, or a process is still ending.
      }
    }
  }

  #make(directory: string): void {
    if (existsSync(directory)) return;
    this.#make(join(directory, '..'));
    mkdirSync(directory);
    this.#made.push(directory);
  }
}

/** Where hierarchies of cgroups are mounted whole, by proc_pid_mountinfo(5). */
function hierarchies(): readonly string[] {
  let text = '';
  try {
    text = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    // Not Linux.
  }
  return Array.from(text.matchAll(/^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /gm), ([, mountPoint = '']) => mountPoint);
}
