import type { Secret } from '../core/secret.ts';
import { sha256Hex } from '../keys/digest.ts';

/**
 * The version of a response: a function of its content alone, so that it is equal across streams, agents and
 * restarts. One secret gives its own version; several give a digest of names and versions, in whatever order.
 */
export function responseVersion(secrets: ReadonlyMap<string, Secret>): string {
  const [first] = secrets.values();
  if (secrets.size === 1 && first !== undefined) return first.version;
  const lines = [...secrets].map(([name, { version }]) => `${name}=${version}`).sort();
  return sha256Hex(lines.join('\n')).slice(0, 32);
}
