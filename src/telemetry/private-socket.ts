import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AgentError } from '../core/agent-error.ts';
import { probeSocket } from '../runtime/probe-socket.ts';

/** The kernel's limit (sun_path, 108 bytes with a terminating zero); longer paths would be cut silently. */
const LONGEST_PATH_BYTES = 107;
const SETTING = 'ADMIN_SOCKET';

/**
 * Binds a unix socket that only this user can connect to (0600), in place of one that a dead agent left behind.
 * The directory is made (0700) where it is missing. The socket is bound under another name and then renamed, so
 * that at every moment the path leads to the old socket or to the new one.
 *
 * @param bind listens at the path it is given
 * @returns what removes the socket again, unless somebody else has replaced it meanwhile
 * @throws AgentError `socket-unusable` when something else is there, or it cannot be made
 */
export async function bindPrivateSocket(
  path: string,
  bind: (path: string) => Promise<unknown>,
): Promise<() => Promise<void>> {
  const newPath = join(dirname(path), `.new-${process.pid}`);
  if (Math.max(Buffer.byteLength(path), Buffer.byteLength(newPath)) > LONGEST_PATH_BYTES) {
    throw new AgentError(
      'socket-unusable',
      `${SETTING} ${path} is longer than ${LONGEST_PATH_BYTES} bytes: choose a shorter path`,
    );
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await requireUnserved(path);
    await rm(newPath, { force: true });
    await withUmask(0o177, () => bind(newPath));
    const ours = await lstat(newPath);
    await rename(newPath, path);
    return () => removeOurs(path, ours.ino);
  } catch (cause) {
    await rm(newPath, { force: true }).catch(() => undefined);
    throw cause instanceof AgentError ? cause : unusable(path, cause);
  }
}

/** The mode is right from the first moment: `chmod` after the bind would leave one in which anybody can connect. */
function withUmask<T>(mask: number, work: () => T): T {
  const before = process.umask(mask);
  try {
    // Node binds a unix socket before `listen` returns.
    return work();
  } finally {
    process.umask(before);
  }
}

/**
 * A living agent keeps its socket. One that drains is in nobody's way: an agent takes its admin socket away before the
 * SDS socket, so a successor that could have the one can have the other.
 *
 * @throws AgentError `socket-unusable` while somebody listens there, or when something else is there
 */
export async function requireUnserved(path: string): Promise<void> {
  const found = await statOf(path).catch((cause: unknown) => {
    throw unusable(path, cause);
  });
  if (found === undefined) return;
  const advice = `set ${SETTING} to another path`;
  if (!found.isSocket()) throw new AgentError('socket-unusable', `${path} is not a socket: remove it, or ${advice}`);
  // Only a refused connection proves that nobody listens; anything else might be somebody busy.
  if ((await probeSocket(path)).state !== 'dead') {
    const fault = `another process serves the admin socket ${path}`;
    throw new AgentError('socket-unusable', `${fault}: stop that one, or ${advice}`);
  }
}

function unusable(path: string, cause: unknown): AgentError {
  const reason = cause instanceof Error ? cause.message : 'unknown error';
  return new AgentError('socket-unusable', `cannot make the admin socket ${path} (${SETTING}): ${reason}`, { cause });
}

async function removeOurs(path: string, inode: number): Promise<void> {
  const found = await statOf(path);
  if (found?.ino === inode) await rm(path, { force: true });
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
