import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError } from '../../core/agent-error.ts';
import { randomHex } from '../../keys/random.ts';

/**
 * A file that only its owner may read, in a directory of which the same holds. At every moment it is absent, or
 * whole: it is written beside its place, flushed, and put there in one step, which is flushed too.
 *
 * Every method rejects with `ca-state-broken`, naming the path and what to do.
 */
export class PrivateFile {
  readonly path: string;
  readonly #directory: string;

  constructor(path: string) {
    this.path = path;
    this.#directory = dirname(path);
  }

  /** The content as text; undefined when there is no such file. */
  async read(): Promise<string | undefined> {
    return this.#orBroken('read', async () => {
      await this.#demandPrivateDirectory();
      const file = await openIfThere(this.path);
      if (file === undefined) return undefined;
      try {
        await demandPrivate(file, this.path, '600');
        return await file.readFile('utf8');
      } finally {
        await file.close();
      }
    });
  }

  /** Writes it where there is none yet. False when there is one: another process was faster. */
  async create(content: string): Promise<boolean> {
    return this.#orBroken('written', async () => {
      const beside = await this.#writeBeside(content);
      try {
        // Unlike rename, link refuses to replace.
        await link(beside, this.path);
        await this.#flushDirectory();
        return true;
      } catch (thrown) {
        if (codeOf(thrown) === 'EEXIST') return false;
        throw thrown;
      } finally {
        await rm(beside, { force: true });
      }
    });
  }

  /** Replaces the content. */
  async replace(content: string): Promise<void> {
    await this.#orBroken('written', async () => {
      const beside = await this.#writeBeside(content);
      try {
        await rename(beside, this.path);
      } catch (thrown) {
        await rm(beside, { force: true });
        throw thrown;
      }
      await this.#flushDirectory();
    });
  }

  async #writeBeside(content: string): Promise<string> {
    const beside = `${this.path}.${randomHex(8)}.tmp`;
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } catch (thrown) {
      await rm(beside, { force: true });
      throw thrown;
    } finally {
      await file.close();
    }
    return beside;
  }

  async #demandPrivateDirectory(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const directory = await open(this.#directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await demandPrivate(directory, this.#directory, '700');
    } finally {
      await directory.close();
    }
  }

  async #flushDirectory(): Promise<void> {
    const directory = await open(this.#directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async #orBroken<T>(verb: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof AgentError) throw thrown;
      const reason = codeOf(thrown) ?? 'unknown error';
      throw new AgentError('ca-state-broken', `${this.path} cannot be ${verb}: ${reason}: look at STATE_DIR`, {
        cause: thrown,
      });
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

async function demandPrivate(file: FileHandle, path: string, mode: string): Promise<void> {
  const found = (await file.stat()).mode & 0o777;
  if ((found & 0o077) === 0) return;
  const problem = `${path} has mode ${found.toString(8).padStart(3, '0')}: others than its owner may use the CA's keys`;
  throw new AgentError('ca-state-broken', `${problem}: run chmod ${mode} ${path}`);
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
