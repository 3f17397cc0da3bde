import { AgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import { Redacted } from '../core/redacted.ts';
import type { FileBundleSecret, FileCertificateSecret, FileRef, ForeignSecret } from '../core/secret.ts';
import { parseCertifiedKey } from '../keys/certified-key.ts';
import { parsePem } from '../keys/pem.ts';
import { judgeRoots, toCanonicalRoots } from '../keys/roots.ts';
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
      return toBundle(await content, nowMs);
    }
  }
}

function toPair(chain: Buffer, key: Redacted<string>, nowMs: number): FileCertificateSecret {
  const pair = parseCertifiedKey({ chain: String(chain), key });
  const { notBeforeMs, notAfterMs } = pair;
  if (nowMs < notBeforeMs) throw fault(`the certificate is not valid before ${toIsoTime(notBeforeMs)}`);
  if (nowMs >= notAfterMs) throw fault(`the certificate has expired at ${toIsoTime(notAfterMs)}`);
  return { kind: 'file-certificate', ...pair };
}

function toBundle(content: Buffer, nowMs: number): FileBundleSecret {
  const ders = parseCertificates(String(content));
  const { valid, unusable, expired } = judgeRoots(ders, nowMs);
  if (valid.length === 0) {
    throw fault(
      `none of ${ders.length} certificates is a root to trust: ${unusable} are none of a CA, ${expired} have expired`,
    );
  }
  const { pem, count, notAfterMs, version } = toCanonicalRoots(valid);
  return { kind: 'file-bundle', version, rootsPem: pem, rootCount: count, notAfterMs };
}

function parseCertificates(pem: string): readonly Uint8Array[] {
  try {
    return parsePem(pem, 'CERTIFICATE');
  } catch (thrown) {
    if (!(thrown instanceof AgentError)) throw thrown;
    throw fault(`the certificates cannot be used: ${thrown.message}`);
  }
}

function fault(message: string): AgentError {
  return new AgentError('secret-unusable', message);
}
