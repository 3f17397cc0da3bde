import type { IncomingMessage } from 'node:http';
import { AgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import { backoffMs } from '../runtime/backoff.ts';
import { readBounded } from '../runtime/read-bounded.ts';
import { withTimeLimit } from '../runtime/time-limit.ts';
import type { JwksSource } from './jwks-source.ts';
import { LARGEST_KEY_SET_BYTES } from './largest-key-set.ts';

const TRIES = 3;
const TRY_LIMIT_MS = 3_000;
const BETWEEN_TRIES = { firstMs: 200, longestMs: 1_000 };

export interface UrlJwksOptions {
  readonly clock: Clock;
  /** PEM roots that verify the server, in place of Node's own (which `NODE_EXTRA_CA_CERTS` adds to). */
  readonly ca?: string;
  /** A number in [0, 1). */
  readonly random?: () => number;
}

/** A key set behind an http or https URL. Redirects are not followed: the setting says whom to believe. */
export function createUrlJwksSource(url: string, { clock, ca, random = Math.random }: UrlJwksOptions): JwksSource {
  const readOnce = (signal: AbortSignal): Promise<string> =>
    withTimeLimit(
      clock,
      TRY_LIMIT_MS,
      signal,
      () => unreachable(`no answer within ${TRY_LIMIT_MS} ms`),
      (limited) => getText(url, ca, limited),
    );
  return {
    location: url,
    async read(signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await readOnce(signal);
        } catch (thrown) {
          if (attempt === TRIES || signal.aborted) throw toUnreachable(thrown);
          await clock.sleep(backoffMs(BETWEEN_TRIES, attempt, random()), signal);
        }
      }
    },
  };
}

async function getText(url: string, ca: string | undefined, signal: AbortSignal): Promise<string> {
  // Imported where it is needed: a node agent that verifies otherwise does without its memory.
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { accept: 'application/json, application/jwk-set+json' };
    get(url, { agent: false, headers, signal, ...(ca !== undefined && { ca }) }, resolve).on('error', reject);
  });
  try {
    if (response.statusCode !== 200) throw unreachable(`it answered with status ${response.statusCode}`);
    const onTooLarge = (): AgentError => unreachable(`it answered with more than ${LARGEST_KEY_SET_BYTES} bytes`);
    return (await readBounded(response, LARGEST_KEY_SET_BYTES, onTooLarge)).toString('utf8');
  } finally {
    response.destroy();
  }
}

function toUnreachable(thrown: unknown): AgentError {
  return thrown instanceof AgentError ? thrown : unreachable('it cannot be reached', thrown);
}

function unreachable(why: string, cause?: unknown): AgentError {
  return new AgentError('token-verifier-unavailable', `the URL of the key set cannot be read: ${why}`, { cause });
}
