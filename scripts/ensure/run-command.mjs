import { spawn } from 'node:child_process';

/**
 * Runs a command to its end without a stdin; rejects with its name and exit status, or what kept it from starting.
 * Its output goes to stderr, because the stdout of whoever needs a step is for results.
 */
export function runCommand(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 2, 2], ...options });
    child.once('error', (error) => reject(new Error(`cannot start ${command}: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args[0] ?? ''} ended with ${signal ?? `status ${code}`}`));
    });
  });
}
