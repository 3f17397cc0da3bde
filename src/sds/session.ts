import type { AgentError } from '../core/agent-error.ts';

/**
 * What both xDS conversations, state of the world and delta, know of one stream. It is a value: the functions
 * beside it take a session and an event and give the next session and the effects to perform. No protobuf, no
 * clock, no I/O, so a test reads like the protocol.
 *
 * Rules that hold for both (xDS protocol, "ACK/NACK and resource type instance version"; facts about Envoy):
 * - at most one response is unacknowledged; what changes meanwhile waits, and the newest content wins;
 * - content that was said is not said again until it changes, also after a NACK (Envoy ACKs an identical bad
 *   secret as a no-op, so repeating it proves nothing and loops);
 * - what is not there is not mentioned: silence, never a removal.
 */
export interface Session {
  /** Subscribed names in the order of subscription. */
  readonly names: ReadonlyMap<string, NameState>;
  /** Begins every nonce of this stream; unique to it. */
  readonly noncePrefix: string;
  /** Responses said so far: the last nonce is made of it. */
  readonly responses: number;
  /** The content of the last response while it is not acknowledged yet. */
  readonly unacknowledged: ReadonlyMap<string, string> | undefined;
}

/** A subscribed name: the version that could be said now, and the one that was said last. */
export interface NameState {
  readonly ready: string | undefined;
  readonly said: string | undefined;
}

/** What the stream has to do, in this order. */
export type Effect =
  | { readonly type: 'subscribe'; readonly name: string }
  | { readonly type: 'unsubscribe'; readonly name: string }
  /** Respond with the current content of these names under this nonce. */
  | { readonly type: 'say'; readonly names: readonly string[]; readonly nonce: string }
  | { readonly type: 'note'; readonly heard: 'ack'; readonly versions: ReadonlyMap<string, string> }
  | { readonly type: 'note'; readonly heard: 'nack'; readonly reason: string }
  | { readonly type: 'note'; readonly heard: 'stale' }
  | { readonly type: 'end'; readonly error: AgentError };

export interface Step {
  readonly session: Session;
  readonly effects: readonly Effect[];
}

/** A stream on which nothing has been heard yet. */
export function newSession(noncePrefix: string): Session {
  return { names: new Map(), noncePrefix, responses: 0, unacknowledged: undefined };
}

/** The nonce of the last response, or the empty string before the first. */
export function lastNonce(session: Session): string {
  return session.responses === 0 ? '' : `${session.noncePrefix}${session.responses}`;
}

/** How many subscribed names have nothing to be served. */
export function pendingCount(session: Session): number {
  let pending = 0;
  for (const { ready } of session.names.values()) if (ready === undefined) pending++;
  return pending;
}

/** The session with these versions ready, or no longer (undefined). Names that are not subscribed are ignored. */
export function withReady(session: Session, versions: ReadonlyMap<string, string | undefined>): Session {
  let names: Map<string, NameState> | undefined;
  for (const [name, ready] of versions) {
    const known = session.names.get(name);
    if (known === undefined || known.ready === ready) continue;
    // Most looks find nothing new: then there is nothing to copy.
    names ??= new Map(session.names);
    names.set(name, { ...known, ready });
  }
  return names === undefined ? session : { ...session, names };
}

/** The session after the peer's word on the response it was sent last, and the note of it. */
export function heardBack(session: Session, rejection: string | undefined): Step {
  const { unacknowledged } = session;
  const settled: Session = { ...session, unacknowledged: undefined };
  if (rejection !== undefined) {
    return { session: settled, effects: [{ type: 'note', heard: 'nack', reason: rejection }] };
  }
  // The same nonce once more, to change the names: nothing new is acknowledged.
  if (unacknowledged === undefined) return { session, effects: [] };
  return { session: settled, effects: [{ type: 'note', heard: 'ack', versions: unacknowledged }] };
}

/**
 * Says what is ready and was not said yet, unless a response is still unacknowledged.
 *
 * @param scope `changed` says only what is new (delta); `all` says everything that is ready as soon as anything
 *   is new (state of the world)
 */
export function sayWhatIsNew(session: Session, scope: 'all' | 'changed'): Step {
  if (session.unacknowledged !== undefined) return { session, effects: [] };
  const isNew = ({ ready, said }: NameState): boolean => ready !== undefined && ready !== said;
  if (![...session.names.values()].some(isNew)) return { session, effects: [] };
  const names = new Map(session.names);
  const saying = new Map<string, string>();
  for (const [name, state] of session.names) {
    if (state.ready === undefined || (scope === 'changed' && !isNew(state))) continue;
    saying.set(name, state.ready);
    names.set(name, { ready: state.ready, said: state.ready });
  }
  const next = { ...session, names, responses: session.responses + 1, unacknowledged: saying };
  return { session: next, effects: [{ type: 'say', names: [...saying.keys()], nonce: lastNonce(next) }] };
}
