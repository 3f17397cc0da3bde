import type { BigIntStats } from 'node:fs';
import { access, chmod, chown, constants, lstat, rename, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { AgentError } from '../core/agent-error.ts';
import { probeSocket } from '../runtime/probe-socket.ts';
import { systemErrorCode } from './system-error-code.ts';

/** `sun_path` of unix(7) has 108 bytes with its final zero. Node cuts a longer path silently. */
const MAX_PATH_BYTES = 107;
/** Nobody but us, until the wanted rights are set. */
const UMASK_WHILE_BINDING = 0o177;
/** More than the kernel's usual cap: a whole node's Envoys may come back at once. */
const BACKLOG = 4096;

export interface SocketFileOptions {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** The group that it is given to. */
  readonly gid?: number | undefined;
}

/**
 * The socket in the file system. It appears under its name all at once, with the right mode and group, in place of
 * a dead agent's if there is one; it is removed only while it is still ours.
 */
export class SocketFile {
  readonly #options: SocketFileOptions;
  #made: BigIntStats | undefined;

  constructor(options: SocketFileOptions) {
    this.#options = options;
  }

  /** Rejects with an `AgentError` `socket-unusable` that says what to do, where the socket could not be made now. */
  async requireFree(): Promise<void> {
    this.#requireShort(this.#options.path);
    await this.#requireDirectory();
    await this.#requireReplaceable();
  }

  /** Makes the server listen. Rejects with an `AgentError` `socket-unusable` that says what to do. */
  async bind(server: Server): Promise<void> {
    const { path, mode, gid } = this.#options;
    const temporary = join(dirname(path), `.${Math.random().toString(36).slice(2, 7)}`);
    this.#requireShort(temporary);
    await this.requireFree();
    try {
      await listenPrivately(server, temporary);
      if (gid !== undefined) await chown(temporary, -1, gid);
      await chmod(temporary, mode);
      await rename(temporary, path);
      this.#made = await lstat(path, { bigint: true });
    } catch (cause) {
      server.close();
      await rm(temporary, { force: true });
      throw this.#unusable(adviceFor(cause), cause);
    }
  }

  /** Removes it, unless it is another agent's by now. Call it while the server still listens, or has just stopped. */
  async remove(): Promise<void> {
    const made = this.#made;
    this.#made = undefined;
    const found = await this.#find();
    if (made !== undefined && found !== undefined && isSame(made, found)) await rm(this.#options.path, { force: true });
  }

  /** Binding would say EACCES for a missing directory too. */
  async #requireDirectory(): Promise<void> {
    try {
      await access(dirname(this.#options.path), constants.W_OK);
    } catch (cause) {
      throw this.#unusable(adviceFor(cause), cause);
    }
  }

  async #requireReplaceable(): Promise<void> {
    const found = await this.#find();
    if (found === undefined) return;
    if (!found.isSocket()) throw this.#unusable('something else is there that is not a socket: remove it');
    const { state, error } = await probeSocket(this.#options.path);
    if (state === 'alive') throw this.#unusable('another process serves it: stop that one, or choose another path');
    if (state === 'unknown') throw this.#unusable(`what is there cannot be tried: ${adviceFor(error)}`, error);
  }

  async #find(): Promise<BigIntStats | undefined> {
    try {
      return await lstat(this.#options.path, { bigint: true });
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return undefined;
      throw this.#unusable(adviceFor(cause), cause);
    }
  }

  #requireShort(path: string): void {
    const bytes = Buffer.byteLength(path);
    if (bytes > MAX_PATH_BYTES) {
      throw this.#unusable(`${bytes} bytes are too long for a socket: choose a path of at most ${MAX_PATH_BYTES}`);
    }
  }

  #unusable(advice: string, cause?: unknown): AgentError {
    return new AgentError('socket-unusable', `cannot serve on ${this.#options.path}: ${advice}`, { cause });
  }
}

function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const umask = process.umask(UMASK_WHILE_BINDING);
    try {
      // Binds before it returns; only the news of it comes later.
      server.listen({ path, backlog: BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

/** The inode alone could have been given out again; with its birth it is this very file. */
function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.birthtimeNs === b.birthtimeNs;
}

const ADVICE = new Map([
  ['ENOENT', 'its directory does not exist: create it, or mount it'],
  ['ENOTDIR', 'a part of the path is not a directory: choose another path'],
  ['EACCES', 'access is denied: give this user the right to write to the directory'],
  ['EPERM', 'it is not permitted: run as a user who may write there, and a member of the wanted group'],
  ['EROFS', 'the file system is read-only: mount it writable'],
  ['EISDIR', 'it is a directory: add a file name'],
]);

function adviceFor(error: unknown): string {
  const code = systemErrorCode(error);
  return ADVICE.get(code) ?? `the system says ${code}`;
}
