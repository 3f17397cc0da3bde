import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';

/** Sockets that pods connect to, by the setting that names each; undefined: there is none. */
type MountedSockets = Readonly<Record<string, string | undefined>>;

/**
 * Refuses a place for the admin socket that leads into the directory of a mounted socket or below it. Pods mount that
 * directory, so whatever lies in it is theirs to connect to. The settings have been compared by name; this looks at the
 * file system, where symbolic links and bind mounts give one directory several names.
 *
 * @throws AgentError `settings-invalid`
 */
export async function requireApart(adminSocket: string, mounted: MountedSockets): Promise<void> {
  for (const [setting, socket] of Object.entries(mounted)) {
    if (socket !== undefined) await requireApartFrom(socket, setting, adminSocket);
  }
}

async function requireApartFrom(socket: string, setting: string, adminSocket: string): Promise<void> {
  const mounted = await stat(dirname(socket), { bigint: true }).catch(() => undefined);
  // Whoever makes the mounted socket says that its directory is not there.
  if (mounted === undefined) return;
  for (let at = await realDirectory(dirname(adminSocket)); at !== dirname(at); at = dirname(at)) {
    const found = await stat(at, { bigint: true }).catch(() => undefined);
    if (found?.dev !== mounted.dev || found.ino !== mounted.ino) continue;
    throw new AgentError(
      'settings-invalid',
      `ADMIN_SOCKET is ${quoteUntrusted(adminSocket)}, which leads into ${quoteUntrusted(at)}: that is the directory of ` +
        `${setting} (${quoteUntrusted(socket)}), which pods mount; put it into another directory`,
    );
  }
}

/** The real path of a directory, or of the nearest one above that is there: what is missing is made without links. */
async function realDirectory(directory: string): Promise<string> {
  const above = dirname(directory);
  return realpath(directory).catch(() => (above === directory ? directory : realDirectory(above)));
}
