import { join } from 'node:path';

/** A path below the root of the checkout. */
export function inCheckout(...parts: readonly string[]): string {
  return join(import.meta.dirname, '../../../..', ...parts);
}
