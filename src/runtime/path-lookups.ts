import { readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** As Linux has it (path_resolution(7)): more links than that are a loop. */
const MOST_LINKS = 40;

/**
 * Every directory in which a name is looked up on the way to these files, with those names: what has to stay as it is
 * for the paths to lead to the same files. Links are followed, also those that lead nowhere.
 *
 * @param paths absolute ones
 */
export async function pathLookups(paths: readonly string[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const lookups = new Map<string, Set<string>>();
  for (const path of paths) await follow(path, lookups);
  return lookups;
}

async function follow(path: string, lookups: Map<string, Set<string>>): Promise<void> {
  let directory = '/';
  let links = 0;
  const rest = path.split('/').reverse();
  for (let name = rest.pop(); name !== undefined && links <= MOST_LINKS; name = rest.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      directory = dirname(directory);
      continue;
    }
    lookups.set(directory, (lookups.get(directory) ?? new Set()).add(name));
    const place = join(directory, name);
    const target = await readlink(place).catch(() => undefined);
    if (target === undefined) {
      directory = place;
    } else {
      links++;
      if (target.startsWith('/')) directory = '/';
      rest.push(...target.split('/').reverse());
    }
  }
}
