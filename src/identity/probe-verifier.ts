import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';
import { UNSIGNED_TOKEN } from './unsigned-token.ts';

/**
 * Finds out whether a verifier can tell good tokens from bad ones: it has to refuse one that nobody has signed.
 *
 * @throws AgentError `token-verifier-unavailable` when it cannot tell, naming what is out of its reach
 */
export async function probeVerifier(verifier: TokenVerifier, signal: AbortSignal): Promise<void> {
  if (verifier.probe !== undefined) return await verifier.probe(signal);
  try {
    await verifier.verify(UNSIGNED_TOKEN, signal);
  } catch (thrown) {
    if (thrown instanceof AgentError && thrown.code !== 'token-verifier-unavailable') return;
    throw thrown;
  }
  throw new AgentError('internal', `the verifier ${verifier.name} accepts a token that nobody has signed`);
}

/**
 * Probes all of them, and tells what is wrong with each.
 *
 * @throws AgentError as `probeVerifier`; with the code of the first that failed
 */
export async function probeAll(verifiers: readonly TokenVerifier[], signal: AbortSignal): Promise<void> {
  const outcomes = await Promise.allSettled(verifiers.map((verifier) => probeVerifier(verifier, signal)));
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [toAgentError(outcome.reason)] : []));
  const [first, ...others] = errors;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  throw new AgentError(first.code, errors.map(({ message }) => message).join('; '), { cause: first });
}
