import { nearestName } from '../config/nearest-name.ts';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import type { Command, CommandIo } from './command.ts';
import { COMMANDS, overview } from './commands.ts';
import { ExitCode, toExitCode } from './exit-code.ts';
import { asksForHelp } from './parse-arguments.ts';

/** Runs the command that the arguments name, and gives the exit status. What goes wrong is told on stderr. */
export async function dispatch(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    return await dispatchOrThrow(argv, io);
  } catch (thrown) {
    io.stderr.write(`sds-node-agent: ${describe(thrown)}\n`);
    return toExitCode(thrown);
  }
}

async function dispatchOrThrow([name, ...argv]: readonly string[], io: CommandIo): Promise<number> {
  if (name === undefined) {
    io.stderr.write(await overview());
    return ExitCode.usage;
  }
  if (['--help', '-h', 'help'].includes(name)) {
    io.stdout.write(await overview());
    return ExitCode.ok;
  }
  const command = await load(name);
  if (asksForHelp(argv)) {
    io.stdout.write(command.help);
    return ExitCode.ok;
  }
  return await command.run(argv, io);
}

async function load(name: string): Promise<Command> {
  const command = COMMANDS.get(name === '--version' ? 'version' : name);
  if (command !== undefined) return await command();
  const nearest = nearestName(name, COMMANDS.keys());
  const hint = nearest === undefined ? 'see --help' : `did you mean ${nearest}?`;
  throw new AgentError('settings-invalid', `there is no command ${quoteUntrusted(name)}: ${hint}`);
}

/** A bug is told with its stack, so that it can be reported; everything else in words. */
function describe(thrown: unknown): string {
  if (thrown instanceof AgentError && thrown.disposition !== 'bug') return thrown.message;
  const cause = thrown instanceof AgentError ? (thrown.cause ?? thrown) : thrown;
  return `this is a bug, please report it: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`;
}
