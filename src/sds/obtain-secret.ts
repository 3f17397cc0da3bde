import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Secret, SecretRef } from '../core/secret.ts';
import type { SecretStore } from '../core/secret-store.ts';

/**
 * How long a call that wants one answer waits for a secret that is not there yet. Envoy's REST client gives up
 * after one second by default and asks again; a caller with a shorter deadline aborts its own signal.
 */
const PATIENCE_MS = 5000;

/**
 * The secret under a name, waiting a little while for it.
 *
 * @throws AgentError `secret-not-ready` when it did not come in time; `request-cancelled` when the signal aborts
 */
export async function obtainSecret(
  store: SecretStore,
  ref: SecretRef,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Secret> {
  const waiting = new AbortController();
  const stop = (): void => waiting.abort();
  using _subscription = store.subscribe(ref, { changed: stop, reauthenticate: stop });
  let secret = store.peek(ref);
  if (secret !== undefined) return secret;
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  await clock.sleep(PATIENCE_MS, waiting.signal);
  signal.removeEventListener('abort', stop);
  waiting.abort();
  secret = store.peek(ref);
  if (secret !== undefined) return secret;
  if (signal.aborted) throw new AgentError('request-cancelled', 'the caller did not wait for the secret');
  throw new AgentError('secret-not-ready', `${quoteUntrusted(name)} is not there yet: ask again in a while`);
}
