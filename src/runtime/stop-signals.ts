/**
 * Aborts with the first SIGTERM or SIGINT; a second one ends the process at once with the shell's status for it
 * (128 + signal number), for whoever cannot wait for a drain.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals, number: number): void => {
    if (controller.signal.aborted) process.exit(128 + number);
    controller.abort(name);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return controller.signal;
}
