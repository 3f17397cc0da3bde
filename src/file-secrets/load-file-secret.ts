import { Redacted } from '../core/redacted.ts';
import type { FileCertificateSecret, FileRef, ForeignSecret } from '../core/secret.ts';
import { parseCertifiedKey, requireValidNow } from '../keys/certified-key.ts';
import { parseTrustedRoots } from '../keys/trusted-roots.ts';
import { readGuardedFile } from './read-guarded-file.ts';
import { readSystemRoots } from './system-roots.ts';

export interface LoadOptions {
  readonly nowMs: number;
  /** Where the roots of the operating system may be. */
  readonly systemRootFiles: readonly string[];
}

/**
 * Reads and verifies what the files hold now.
 *
 * @throws AgentError `secret-gone` where a file is not there, `secret-unusable` where it cannot be served
 */
export async function loadFileSecret(ref: FileRef, options: LoadOptions): Promise<ForeignSecret> {
  switch (ref.kind) {
    case 'file-certificate': {
      const chain = await readGuardedFile(ref.chainPath, ref.directories);
      const key = new Redacted(String(await readGuardedFile(ref.keyPath, ref.directories)));
      return toPair(chain, key, options.nowMs);
    }
    case 'file-bundle': {
      const { path } = ref;
      const { systemRootFiles, nowMs } = options;
      // `system` is no path.
      const content = 'directories' in ref ? readGuardedFile(path, ref.directories) : readSystemRoots(systemRootFiles);
      return { kind: 'file-bundle', ...parseTrustedRoots(String(await content), nowMs) };
    }
  }
}

function toPair(chain: Buffer, key: Redacted<string>, nowMs: number): FileCertificateSecret {
  const pair = parseCertifiedKey({ chain: String(chain), key });
  requireValidNow(pair, nowMs);
  return { kind: 'file-certificate', ...pair };
}
