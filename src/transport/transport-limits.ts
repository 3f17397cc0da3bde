/** What a peer may take. Sizes in bytes, times in milliseconds. */
export interface TransportLimits {
  /** The largest message of a call and the largest HTTP body. */
  readonly maxMessageBytes: number;
  /** What all messages that are still arriving may hold together; beyond it the oldest of them is given up. */
  readonly maxUnfinishedBytes: number;
  readonly maxConnections: number;
  /** Of one peer: a pod or process, or a TCP address. */
  readonly maxConnectionsPerPeer: number;
  /** Streams, unary calls and HTTP requests that are open, of one peer. */
  readonly maxCallsPerPeer: number;
  /** So many new ones a peer may open within a second in the long run, */
  readonly newCallsPerSecond: number;
  /** and so many at once. */
  readonly newCallsBurst: number;
  /** Those beyond are told so one after the other, as fast; so many of a peer wait for that. */
  readonly maxRefusalsHeld: number;
  /** With more its connection is closed, and others that it opens are closed after this time, unheard. */
  readonly banMs: number;
  /** So many messages of a peer are listened to within a second in the long run, the others wait; */
  readonly messagesPerSecond: number;
  /** and so many at once. */
  readonly messagesBurst: number;
  /** SETTINGS_MAX_CONCURRENT_STREAMS. Envoy opens a stream per secret, on one connection. */
  readonly maxStreamsPerConnection: number;
  /** A connection that has sent nothing is closed; so is one without calls, until a caller on it has been verified. */
  readonly silenceMs: number;
  /** A message that has been begun, and a stream's first one, must have arrived whole. */
  readonly messageMs: number;
  /** A connection without calls is closed, where a caller on it has been verified before. */
  readonly idleMs: number;
  /** A connection with calls must show now and then that it is alive: it is asked this often, */
  readonly pingMs: number;
  /** and must have answered. */
  readonly pongMs: number;
  /** What a call that has ended still has to say is cut off. */
  readonly flushMs: number;
  /** A call or connection that has been ended and said everything, and that the peer leaves open, is cut off. */
  readonly lingerMs: number;
}

const MIB = 1024 * 1024;

/**
 * Room for the largest Envoy known (1,500 secrets, each first request with a Node of 61 KB, all arriving at once
 * on one connection) with a margin, and an end to everything that a hostile neighbour on the node may try.
 */
export const DEFAULT_LIMITS: TransportLimits = {
  maxMessageBytes: 4 * MIB,
  maxUnfinishedBytes: 256 * MIB,
  maxConnections: 10_000,
  maxConnectionsPerPeer: 2000,
  maxCallsPerPeer: 4000,
  newCallsPerSecond: 50,
  newCallsBurst: 4000,
  maxRefusalsHeld: 200,
  banMs: 1000,
  messagesPerSecond: 1000,
  messagesBurst: 12_000,
  maxStreamsPerConnection: 10_000,
  silenceMs: 10_000,
  messageMs: 30_000,
  idleMs: 300_000,
  pingMs: 120_000,
  pongMs: 30_000,
  flushMs: 10_000,
  lingerMs: 1000,
};
