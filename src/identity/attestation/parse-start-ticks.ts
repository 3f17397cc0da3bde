/** Field 22 of proc_pid_stat(5), counted from the state, which is field 3. */
const START_TIME = 22 - 3;

/**
 * When a process started, from the text of `/proc/<pid>/stat`: clock ticks since the machine started. Undefined where
 * the text is no such line.
 */
export function parseStartTicks(stat: string): number | undefined {
  // Field 2 is the process's name, which it chooses itself: it may hold spaces and parentheses, but nothing behind it does.
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  const ticks = fields[START_TIME];
  return ticks !== undefined && /^\d+$/.test(ticks) ? Number(ticks) : undefined;
}
