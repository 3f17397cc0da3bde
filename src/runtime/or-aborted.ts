import { AgentError } from '../core/agent-error.ts';

/** The promise's outcome, or `ca-timeout` as soon as the signal aborts; the work itself is not stopped by that. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  let giveUp: () => void = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = () => reject(givenUp());
    signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** @throws AgentError `ca-timeout` when the signal has aborted */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw givenUp();
}

function givenUp(): AgentError {
  return new AgentError('ca-timeout', 'the request to the CA was given up');
}
