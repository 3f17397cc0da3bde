/**
 * The paths in the text of `/proc/<pid>/cgroup`, one for each hierarchy (cgroups(7)): lines of
 * `hierarchy:controllers:path`. The path may hold colons; the kernel lets no name of a cgroup hold a line break.
 */
export function parseCgroupPaths(text: string): readonly string[] {
  return Array.from(text.matchAll(/^\d+:[^:\n]*:(\/[^\n]*)$/gm), ([, path = '']) => path);
}
