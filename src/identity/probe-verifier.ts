import { AgentError } from '../core/agent-error.ts';
import { Redacted } from '../core/redacted.ts';
import type { TokenVerifier } from '../core/token-verifier.ts';

/** Well formed, and signed by nobody: header and claims are real, the signature is zeros. */
const UNSIGNED = [{ alg: 'ES256', kid: 'sds-node-agent-probe' }, { sub: 'probe' }]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .concat(Buffer.alloc(64).toString('base64url'))
  .join('.');

/**
 * Finds out whether a verifier can tell good tokens from bad ones: it has to refuse one that nobody has signed.
 *
 * @throws AgentError `token-verifier-unavailable` when it cannot tell, naming what is out of its reach
 */
export async function probeVerifier(verifier: TokenVerifier, signal: AbortSignal): Promise<void> {
  try {
    await verifier.verify(new Redacted(UNSIGNED), signal);
  } catch (thrown) {
    if (thrown instanceof AgentError && thrown.code !== 'token-verifier-unavailable') return;
    throw thrown;
  }
  throw new AgentError('internal', `the verifier ${verifier.name} accepts a token that nobody has signed`);
}
