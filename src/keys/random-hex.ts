import { randomBytes } from 'node:crypto';

/** That many random bytes from the system's generator, in lower-case hex. */
export function randomHex(byteCount: number): string {
  return randomBytes(byteCount).toString('hex');
}
