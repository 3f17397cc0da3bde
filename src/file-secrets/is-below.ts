/** Whether the path is inside of the directory, by their texts: both absolute, without `.`, `..` or a slash at the end. */
export function isBelow(path: string, directory: string): boolean {
  return directory === '/' ? path.startsWith('/') : path.startsWith(`${directory}/`);
}
