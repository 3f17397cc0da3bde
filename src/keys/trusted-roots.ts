import { AgentError } from '../core/agent-error.ts';
import type { BundleSecret } from '../core/secret.ts';
import { parsePem } from './pem.ts';
import { judgeRoots, toCanonicalRoots } from './roots.ts';

/** Roots as they are served. */
export type TrustedRootsContent = Pick<BundleSecret, 'version' | 'rootsPem' | 'rootCount' | 'notAfterMs'>;

/**
 * Reads roots in PEM that somebody else keeps: CA certificates that have not expired; others are left out.
 *
 * @throws AgentError `secret-unusable` where a block is no certificate, or none is left
 */
export function parseTrustedRoots(pem: string, nowMs: number): TrustedRootsContent {
  const ders = parseCertificates(pem);
  const { valid, unusable, expired } = judgeRoots(ders, nowMs);
  if (valid.length === 0) {
    const why = `${unusable} are none of a CA, ${expired} have expired`;
    throw fault(`none of ${ders.length} certificates is a root to trust: ${why}`);
  }
  const { pem: rootsPem, count, notAfterMs, version } = toCanonicalRoots(valid);
  return { version, rootsPem, rootCount: count, notAfterMs };
}

function parseCertificates(pem: string): readonly Uint8Array[] {
  try {
    return parsePem(pem, 'CERTIFICATE');
  } catch (thrown) {
    if (!(thrown instanceof AgentError)) throw thrown;
    throw fault(`the certificates cannot be used: ${thrown.message}`);
  }
}

function fault(message: string): AgentError {
  return new AgentError('secret-unusable', message);
}
