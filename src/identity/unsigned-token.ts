import type { Token } from '../core/caller.ts';
import { Redacted } from '../core/redacted.ts';

/** Well formed, and signed by nobody: header and claims are real, the signature is zeros. For probing a verifier. */
export const UNSIGNED_TOKEN: Token = new Redacted(
  [{ alg: 'ES256', kid: 'sds-node-agent-probe' }, { sub: 'probe' }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .concat(Buffer.alloc(64).toString('base64url'))
    .join('.'),
);
