import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { AgentError } from '../core/agent-error.ts';
import { isBelow } from './is-below.ts';

/** Four times what the roots of an operating system take. */
const LARGEST_FILE_BYTES = 1024 * 1024;

/** What is not a plain file after all must neither block, nor become our terminal; and no link is followed here. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;

/**
 * Reads a file that has to lie in or below one of the directories, wherever links lead. That is looked at before it is
 * opened, so that nothing outside is touched, and again at what was opened, so that nobody who changes a link in between
 * gets anything.
 *
 * @throws AgentError `secret-gone` where there is nothing; `secret-unusable` where it leads out of the directories, is no
 *   plain file, is too large, or cannot be read
 */
export async function readGuardedFile(path: string, directories: readonly string[]): Promise<Buffer> {
  const name = JSON.stringify(path);
  try {
    const roots = await realDirectories(directories);
    const real = await realpath(path);
    requireInside(real, roots, name);
    if (!(await lstat(real)).isFile()) throw fault(`${name} is not a plain file`);
    await using file = await open(real, FLAGS);
    const { size } = await requirePlain(file, name);
    requireInside(await readlink(`/proc/self/fd/${file.fd}`), roots, name);
    return await readWhole(file, size, name);
  } catch (thrown) {
    throw toFault(thrown, name);
  }
}

async function realDirectories(directories: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(directories.map((directory) => realpath(directory).catch(() => undefined)));
  return found.filter((directory) => directory !== undefined);
}

function requireInside(real: string, roots: readonly string[], name: string): void {
  if (!roots.some((root) => isBelow(real, root))) throw fault(`${name} leads out of FILE_SECRET_DIRS`);
}

async function requirePlain(file: FileHandle, name: string): Promise<{ readonly size: number }> {
  const found = await file.stat();
  if (!found.isFile()) throw fault(`${name} is not a plain file`);
  if (found.size > LARGEST_FILE_BYTES) throw fault(`${name} has more than ${LARGEST_FILE_BYTES} bytes`);
  return found;
}

async function readWhole(file: FileHandle, size: number, name: string): Promise<Buffer> {
  // One more than there should be shows whether it grows.
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (length > size) throw fault(`${name} is being written`);
    if (bytesRead === 0) return buffer.subarray(0, length);
  }
}

function toFault(thrown: unknown, name: string): AgentError {
  if (thrown instanceof AgentError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') return new AgentError('secret-gone', `${name} is not there`);
  return fault(`${name} cannot be read (${code}): look at its permissions, and at those of its directories`);
}

function fault(message: string): AgentError {
  return new AgentError('secret-unusable', message);
}
