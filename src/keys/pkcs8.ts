import { createPrivateKey } from 'node:crypto';
import { AgentError } from '../core/agent-error.ts';
import { Redacted } from '../core/redacted.ts';

/**
 * A private key in PEM, of whatever encoding, as PKCS#8 in DER (RFC 5958).
 *
 * @throws AgentError `internal`, without the key
 */
export function toPkcs8Der(pem: Redacted<Buffer>): Redacted<Buffer> {
  try {
    return new Redacted(createPrivateKey(pem.reveal()).export({ type: 'pkcs8', format: 'der' }));
  } catch {
    // The cause may quote its input.
    throw new AgentError('internal', 'a private key that is held cannot be read');
  }
}
