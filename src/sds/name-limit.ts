import { AgentError } from '../core/agent-error.ts';

/** The most names that one stream may subscribe to. */
export const MAX_NAMES = 1000;

/** The error that ends a stream with more names than that. */
export function tooManyNames(count: number): AgentError {
  return new AgentError('limit-exceeded', `the stream asks for ${count} names, at most ${MAX_NAMES} are allowed`);
}
