import { invalidSettings } from '../config/load-settings.ts';
import { allSettings } from '../config/sections.ts';
import type { CommandIo } from './command.ts';

/**
 * Where the agent's admin socket is: the flag, else `ADMIN_SOCKET`, else its default. No other setting is looked at:
 * a question to a running agent must not fail because this shell does not have the agent's environment.
 *
 * @throws AgentError `settings-invalid`
 */
export function toAdminSocket(flag: string | undefined, { ADMIN_SOCKET }: CommandIo['env']): string {
  const { data, error } = allSettings.shape.ADMIN_SOCKET.safeParse(flag ?? ADMIN_SOCKET);
  if (data !== undefined) return data;
  throw invalidSettings(error.issues.map(({ message }) => `ADMIN_SOCKET: ${message}`));
}
