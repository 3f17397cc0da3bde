import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inRepository } from './ensure/repository.mjs';

/**
 * `node scripts/image-root.mjs DIR`: lays out in DIR what an image of the agent holds, out of a checkout with packages
 * and a build: `app`, with the code, the packages that it needs at run time, and what the image runs besides; and
 * `empty`, a directory to make others of.
 */
const target = process.argv[2];
if (target === undefined) throw new Error('usage: node scripts/image-root.mjs DIR');
const app = resolve(target, 'app');

/** Not what only compilers and debuggers read. */
const isRead = (path) => !/\.(ts|mts|cts|map)$|\/@types(\/|$)/.test(path);

for (const path of ['package.json', 'LICENSE', 'bin', 'dist/src', ...runtimePackages()]) {
  cpSync(inRepository(path), join(app, path), { recursive: true, dereference: true, filter: isRead });
}
cpSync(inRepository('deploy', 'image'), app, { recursive: true });
mkdirSync(resolve(target, 'empty'), { recursive: true });

/** Where the packages are that are there for more than development. Those for other machines npm has left out. */
function runtimePackages() {
  const { packages } = JSON.parse(readFileSync(inRepository('package-lock.json'), 'utf8'));
  return Object.entries(packages).flatMap(([path, { dev }]) => {
    return path === '' || dev || !existsSync(inRepository(path)) ? [] : [path];
  });
}
