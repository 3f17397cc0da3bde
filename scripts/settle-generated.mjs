import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The text of a file; undefined where there is none. */
export function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a file that is made, or with `check` only says that it is not as it should be, and has the process fail.
 *
 * @param file how it is called in messages
 * @param maker the script that writes it
 */
export function settleGenerated({ file, path, text, maker, check }) {
  if (readIfThere(path) === text) return;
  if (check) {
    console.error(`${file} is out of date: run \`node ${maker}\` after a build, and commit it`);
    process.exitCode = 1;
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`wrote ${file}`);
}
