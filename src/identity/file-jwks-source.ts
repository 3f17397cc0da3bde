import { open, stat } from 'node:fs/promises';
import { AgentError } from '../core/agent-error.ts';
import type { JwksSource } from './jwks-source.ts';
import { LARGEST_KEY_SET_BYTES } from './largest-key-set.ts';

/** A key set in a file, which may be replaced at any time, also through a symbolic link as Kubernetes does. */
export function createFileJwksSource(path: string): JwksSource {
  return {
    location: path,
    async read() {
      try {
        return await readBounded(path);
      } catch (cause) {
        throw new AgentError('token-verifier-unavailable', 'the file of the key set cannot be read', { cause });
      }
    },
    async fingerprint() {
      try {
        const { ino, size, mtimeNs } = await stat(path, { bigint: true });
        return `${ino} ${size} ${mtimeNs}`;
      } catch {
        return 'unreadable';
      }
    },
  };
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > LARGEST_KEY_SET_BYTES) throw new RangeError(`it has more than ${LARGEST_KEY_SET_BYTES} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
