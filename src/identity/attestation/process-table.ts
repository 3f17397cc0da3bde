import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';
import { parseDescriptorPid } from './parse-descriptor-pid.ts';
import { parseStartTicks } from './parse-start-ticks.ts';

/** More than a dozen hierarchies with paths of the greatest length, PATH_MAX, can fill. */
const LONGEST_FILE = 64 * 1024;

/** A process, or this one. */
export type ProcessRef = number | 'self';

/**
 * The little of proc(5) that attestation reads. What is not there, may not be read or is absurdly long is undefined.
 * Synchronous: the kernel answers from memory, within microseconds, and an answer that is late is one about another
 * process. None of it needs a privilege, unless `/proc` is mounted with `hidepid`.
 */
export class ProcessTable {
  readonly #root: string;
  readonly #buffer = Buffer.alloc(LONGEST_FILE);

  /** @param root where a proc file system is mounted, or a directory that looks like one */
  constructor(root = '/proc') {
    this.#root = root;
  }

  /** The text of `/proc/<pid>/cgroup`: the kernel writes it, and no process can. */
  cgroup(process: ProcessRef): string | undefined {
    return this.#read(`${process}/cgroup`);
  }

  /** When the process started, in clock ticks since the machine did. */
  startTicks(process: ProcessRef): number | undefined {
    const stat = this.#read(`${process}/stat`);
    return stat === undefined ? undefined : parseStartTicks(stat);
  }

  /** The time now, in clock ticks since the machine started. There are 100 a second on every Linux that Node runs on. */
  nowTicks(): number | undefined {
    const [seconds] = this.#read('uptime')?.split(' ') ?? [];
    return seconds === undefined ? undefined : Math.round(Number(seconds) * 100);
  }

  /** The pid of the process that a pidfd of this process stands for; undefined when that process is gone. */
  pidOfDescriptor(pidfd: number): number | undefined {
    const info = this.#read(`self/fdinfo/${pidfd}`);
    return info === undefined ? undefined : parseDescriptorPid(info);
  }

  /** The name of this process's pid namespace, such as `pid:[4026531836]`. */
  pidNamespace(): string | undefined {
    try {
      return readlinkSync(`${this.#root}/self/ns/pid`);
    } catch {
      return undefined;
    }
  }

  #read(file: string): string | undefined {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(`${this.#root}/${file}`, 'r');
      // One read gives all that fits (the kernel's seq_file makes the whole text first).
      const bytes = readSync(descriptor, this.#buffer, 0, LONGEST_FILE, null);
      return bytes === LONGEST_FILE ? undefined : this.#buffer.toString('latin1', 0, bytes);
    } catch {
      return undefined;
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }
}
