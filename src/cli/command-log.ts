import type { Settings } from '../config/settings.ts';
import type { Log } from '../core/log.ts';
import { createLogger } from '../telemetry/logger.ts';
import type { CommandIo } from './command.ts';

/** The log of a command that serves, on its standard output: as text on a terminal, unless `LOG_FORMAT` says otherwise. */
export function createCommandLog({ log }: Pick<Settings, 'log'>, { env, stdout }: CommandIo): Log {
  const isTerminal = stdout.isTTY === true;
  const { level, format = isTerminal ? 'text' : 'json' } = log;
  const { NO_COLOR = '' } = env;
  return createLogger({ level, format, colour: isTerminal && NO_COLOR === '' });
}
