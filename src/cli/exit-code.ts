import { toAgentError } from '../core/agent-error.ts';

/** Exit statuses, from BSD's sysexits.h. */
export const ExitCode = {
  /** Done, or asked to stop. */
  ok: 0,
  /** Done, but not all of it, where that was demanded: `migrate --strict`. */
  incomplete: 1,
  /** A flag or an argument that is not understood. */
  usage: 64,
  /** A setting with a value that is not allowed. */
  settings: 64,
  /** Cannot start, or cannot reach what it needs: socket, CA, agent. */
  unavailable: 69,
  /** A bug of ours. */
  software: 70,
} as const;

/** The exit status for what a command threw. */
export function toExitCode(thrown: unknown): number {
  const error = toAgentError(thrown);
  if (error.code === 'settings-invalid') return ExitCode.settings;
  return error.disposition === 'bug' ? ExitCode.software : ExitCode.unavailable;
}
