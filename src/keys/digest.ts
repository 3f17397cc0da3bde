import { createHash } from 'node:crypto';

/** The SHA-256 digest of text (as UTF-8) or bytes, in lower-case hex. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
