import { randomBytes } from 'node:crypto';

/** Random bytes that nobody can guess, in lower-case hex. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
