import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 5_000;

/**
 * Real cgroups that are called like those of pods, as a kubelet with the driver `cgroupfs` makes them within a container
 * that is a node (kind): so they are in nobody's way, neither a real kubelet's nor another test's.
 */
export class PodCgroups implements AsyncDisposable {
  /** Below it, everything was made here. */
  readonly #node: string;
  readonly #made = new Set<string>();

  private constructor(hierarchy: string) {
    this.#node = join(hierarchy, 'docker', randomBytes(32).toString('hex'));
  }

  /** Undefined where this process may not make any: it takes root, and a cgroup file system that can be written to. */
  static create(): PodCgroups | undefined {
    for (const hierarchy of hierarchies()) {
      const pods = new PodCgroups(hierarchy);
      try {
        pods.#make(pods.#node);
        return pods;
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
    const container = join(this.#node, 'kubepods', 'burstable', `pod${podUid}`, 'c'.repeat(64));
    this.#make(container);
    return join(container, 'cgroup.procs');
  }

  /** Every process that was put in has to have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Deeper ones have longer paths.
    for (const directory of [...this.#made].sort((a, b) => b.length - a.length)) await remove(directory);
    try {
      // Another test's may still be in it, or those of a Docker, which makes it anew when it is not there.
      rmdirSync(dirname(this.#node));
    } catch {}
  }

  #make(directory: string): void {
    if (this.#made.has(directory)) return;
    mkdirSync(directory, { recursive: true });
    for (let made = directory; made.startsWith(this.#node); made = dirname(made)) this.#made.add(made);
  }
}

/** The kernel lets go of a process a little after its parent has heard of its end. */
async function remove(cgroup: string): Promise<void> {
  const giveUpMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      rmdirSync(cgroup);
      return;
    } catch (error) {
      if (performance.now() > giveUpMs) throw error;
    }
    await sleep(5);
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
