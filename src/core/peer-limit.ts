import { AgentError } from './agent-error.ts';

/** What each bound is called in an error. */
const NAMES = {
  connections: 'the limit on connections',
  connections_per_peer: 'MAX_CONNECTIONS_PER_PEER',
  streams_per_peer: 'MAX_STREAMS_PER_PEER',
  new_streams: 'MAX_NEW_STREAMS_PER_SECOND',
  streams_per_identity: 'MAX_STREAMS_PER_IDENTITY',
  health_watches: 'the limit on health watches',
} as const;

/** A bound on what peers may take, by which something was refused or closed. A metric label. */
export type PeerLimit = keyof typeof NAMES;

/**
 * The error of somebody who has come to a bound, `limit-exceeded`.
 *
 * @param advice completes the sentence "…: "
 */
export function peerLimitExceeded(limit: PeerLimit, allowed: number, advice: string): AgentError {
  return new AgentError('limit-exceeded', `${NAMES[limit]} is reached, which is ${allowed}: ${advice}`);
}
