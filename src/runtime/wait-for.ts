import { AgentError } from '../core/agent-error.ts';

/**
 * Waits for work that others wait for too. When the signal aborts only this wait ends: the work goes on.
 *
 * @throws AgentError `request-cancelled`, or what the work rejects with
 */
export function waitFor<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new AgentError('request-cancelled', 'the caller has gone'));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    shared.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
