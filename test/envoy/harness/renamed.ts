import assert from 'node:assert/strict';
import type { EnvoyObject } from '../../../src/cli/envoy-bootstrap/document.ts';

/** The bootstrap with another secret name in the one place where it has this one. */
export function renamed(bootstrap: EnvoyObject, from: string, to: string): EnvoyObject {
  const text = JSON.stringify(bootstrap);
  const name = (secret: string): string => `"name":${JSON.stringify(secret)},"sds_config"`;
  assert.equal(text.split(name(from)).length, 2, `${from} is there once`);
  return JSON.parse(text.replace(name(from), name(to)));
}
