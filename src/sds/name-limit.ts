import { AgentError } from '../core/agent-error.ts';

/** The most names that one stream may subscribe to. */
export const MAX_NAMES = 1000;

/** No name that is served is longer: it is the longest SPIFFE ID (SPIFFE-ID standard, section 2.3). */
export const MAX_NAME_LENGTH = 2048;

/**
 * Why a stream may not subscribe to these names, or undefined when it may. Names are kept as long as the stream
 * lives, so without a limit one stream could fill the agent's memory with them.
 */
export function faultOfNames(names: ReadonlyMap<string, unknown>): AgentError | undefined {
  if (names.size > MAX_NAMES) {
    return new AgentError(
      'limit-exceeded',
      `the stream asks for ${names.size} names, at most ${MAX_NAMES} are allowed`,
    );
  }
  for (const { length } of names.keys()) {
    if (length > MAX_NAME_LENGTH) {
      return new AgentError(
        'limit-exceeded',
        `a name has ${length} characters, at most ${MAX_NAME_LENGTH} are allowed`,
      );
    }
  }
  return undefined;
}
