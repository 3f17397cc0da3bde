import { quoteUntrusted } from '../core/agent-error.ts';

/** What names of workloads and hosts are made of: SPIFFE IDs, DNS names, addresses. Encoded secrets have capitals too. */
const NAME = /^[a-z0-9.:/@*-]*$/;
/** More than a hash of an image or of a deployment has in a name, and little for a piece of a token in hex. */
const LONG_RUN = /[a-z0-9]{33}|[0-9a-f]{17}/;

/**
 * A name out of a certificate that somebody else made, for a message. It is quoted where it looks like one; where it
 * does not, only its length is told, because whoever answers may repeat there what it was sent, the caller's token too.
 */
export function quoteForeignName(name: string): string {
  return NAME.test(name) && !LONG_RUN.test(name) ? quoteUntrusted(name) : `of ${name.length} characters`;
}
