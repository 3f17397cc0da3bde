import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';

/**
 * Refuses a place for the admin socket that leads into the directory of the SDS socket or below it. Pods mount that
 * directory, so whatever lies in it is theirs to connect to. The settings have been compared by name; this looks at the
 * file system, where symbolic links and bind mounts give one directory several names.
 *
 * @throws AgentError `settings-invalid`
 */
export async function requireApart(adminSocket: string, sdsSocket: string): Promise<void> {
  const mounted = await stat(dirname(sdsSocket), { bigint: true }).catch(() => undefined);
  // Whoever makes the SDS socket says that its directory is not there.
  if (mounted === undefined) return;
  for (let at = await realDirectory(dirname(adminSocket)); at !== dirname(at); at = dirname(at)) {
    const found = await stat(at, { bigint: true }).catch(() => undefined);
    if (found?.dev !== mounted.dev || found.ino !== mounted.ino) continue;
    throw new AgentError(
      'settings-invalid',
      `ADMIN_SOCKET is ${quoteUntrusted(adminSocket)}, which leads into ${quoteUntrusted(at)}: that is the directory of ` +
        `SDS_UDS_PATH (${quoteUntrusted(sdsSocket)}), which pods mount; put it into another directory`,
    );
  }
}

/** The real path of a directory, or of the nearest one above that is there: what is missing is made without links. */
async function realDirectory(directory: string): Promise<string> {
  const above = dirname(directory);
  return realpath(directory).catch(() => (above === directory ? directory : realDirectory(above)));
}
