/**
 * The pid that a pidfd stands for, from the text of `/proc/self/fdinfo/<pidfd>` (pidfd_open(2)). Undefined when its
 * process has been reaped, which the kernel writes as -1, is not visible here (0), or when the descriptor is no pidfd.
 */
export function parseDescriptorPid(fdinfo: string): number | undefined {
  const [, pid] = /^Pid:\t(\d+)$/m.exec(fdinfo) ?? [];
  return pid === undefined || pid === '0' ? undefined : Number(pid);
}
