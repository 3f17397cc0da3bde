/** Signals so close after the first belong to it: npm passes on what the terminal has already sent to everybody. */
const SAME_INTERRUPTION_MS = 1_000;

/** Aborts with the first SIGINT, SIGTERM or SIGHUP; one that comes later ends the process at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  let firstMs: number | undefined;
  const interrupt = (): void => {
    firstMs ??= performance.now();
    if (performance.now() - firstMs > SAME_INTERRUPTION_MS) process.exit(130);
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  return controller.signal;
}
