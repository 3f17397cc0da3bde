import { type ParseArgsConfig, parseArgs } from 'node:util';
import { AgentError } from '../core/agent-error.ts';
import type { CommandIo } from './command.ts';

const DEFAULT_ADMIN_SOCKET = '/var/run/sds-admin/admin.sock';

/** The flags that each command has that talks to a running agent. */
export const ADMIN_FLAGS = {
  'admin-socket': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

type FlagOptions = NonNullable<ParseArgsConfig['options']>;

/** The values of these flags; positional arguments are an error. */
export type FlagValues<T extends FlagOptions> = ReturnType<
  typeof parseArgs<{ options: T; strict: true; allowPositionals: false }>
>['values'];

/** @throws AgentError `settings-invalid` for what is not understood */
export function parseFlags<T extends FlagOptions>(argv: readonly string[], options: T): FlagValues<T> {
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'flags that are not understood';
    throw new AgentError('settings-invalid', reason.charAt(0).toLowerCase() + reason.slice(1), { cause });
  }
}

/** Where the agent listens: the flag, else the environment, else the default. An empty value counts as none. */
export function toAdminSocket(flag: string | undefined, { ADMIN_SOCKET }: CommandIo['env']): string {
  return flag || ADMIN_SOCKET || DEFAULT_ADMIN_SOCKET;
}
