import { dispatch } from './cli/dispatch.ts';
import { processEnvironment } from './config/process-environment.ts';
import { stopSignal } from './runtime/stop-signals.ts';
import { tuneEngine } from './runtime/tune-engine.ts';

/** Runs one command with this process's environment, streams and signals; resolves to the exit status. */
export function main(argv: readonly string[]): Promise<number> {
  tuneEngine();
  const { stdout, stderr } = process;
  stdout.on('error', passOverClosedPipe);
  return dispatch(argv, { env: processEnvironment(), stdout, stderr, signal: stopSignal() });
}

/** Whoever reads may have seen enough, as in `status | head`: what is left to say is said to nobody. */
function passOverClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
