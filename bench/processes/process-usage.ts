import { readdirSync, readFileSync } from 'node:fs';

/** What a process has used: CPU since its start, memory now. */
export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The most that it ever was. */
  readonly peakRssBytes: number;
}

/** USER_HZ of proc(5), which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** Reads /proc. Throws when the process is gone. */
export function readUsage(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: readCpuMs(pid),
    rssBytes: parseStatusBytes(status, 'VmRSS'),
    peakRssBytes: parseStatusBytes(status, 'VmHWM'),
  };
}

/** To the nanosecond where the kernel keeps `schedstat`, else to the tick, which is too coarse for ten streams. */
function readCpuMs(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const schedstats = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'));
    return schedstats.reduce((sumMs, text) => sumMs + parseSchedstatMs(text), 0);
  } catch {
    return parseStatMs(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  }
}

/** The time on CPU from a thread's `schedstat`: its first number, in nanoseconds. */
export function parseSchedstatMs(text: string): number {
  return toNumber(text.split(' ')[0]) / 1e6;
}

/** User and system time from a process's `stat`: fields 14 and 15 of proc(5), in ticks. */
export function parseStatMs(text: string): number {
  // The second field is the program's name, which may hold blanks and parentheses.
  const [, , , , , , , , , , , userTicks, systemTicks] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (toNumber(userTicks) + toNumber(systemTicks)) * TICK_MS;
}

/** A size from a process's `status`: memory that is resident now (`VmRSS`), or was at most (`VmHWM`). */
export function parseStatusBytes(text: string, field: 'VmRSS' | 'VmHWM'): number {
  return toNumber(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
}

function toNumber(text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || Number.isNaN(value)) throw new Error('/proc has another format than proc(5) says');
  return value;
}
