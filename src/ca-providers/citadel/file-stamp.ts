import { type BigIntStats, stat } from 'node:fs';
import { promisify } from 'node:util';
import type { Clock } from '../../core/clock.ts';

/** Longer than the step in which any file system notes its times. */
const SETTLED_MS = 5_000;

const statFile: (path: string, options: { readonly bigint: true }) => Promise<BigIntStats> = promisify(stat);

/**
 * What tells one state of a file from every later one without its being read: which file it is, behind all symbolic
 * links, and when it was changed last, which nobody can set back. Undefined while a further change could still fall
 * into the same step of the file system's clock (as git's racy entries): then it has to be read.
 *
 * @throws Error of the file system
 */
export async function fileStamp(path: string, clock: Clock): Promise<string | undefined> {
  const { dev, ino, size, ctimeNs, ctimeMs } = await statFile(path, { bigint: true });
  if (clock.now() - Number(ctimeMs) < SETTLED_MS) return undefined;
  return `${dev} ${ino} ${size} ${ctimeNs}`;
}
