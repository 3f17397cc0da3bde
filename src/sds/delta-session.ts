import { faultOfNames } from './name-limit.ts';
import { type Effect, heardBack, lastNonce, type Session, type Step, sayWhatIsNew, withReady } from './session.ts';

/** What a DeltaDiscoveryRequest says, apart from its type. */
export interface DeltaRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** The nonce of the response that this answers, empty when it answers none. */
  readonly nonce: string;
  /** Why the peer rejects that response (`error_detail`), or undefined. */
  readonly rejection: string | undefined;
}

/**
 * Hears a request of the delta protocol (xDS protocol, "Incremental xDS").
 *
 * Changes of the subscription always count, whatever nonce comes with them; only the acknowledgement of another
 * nonce than the last is stale. A name that is subscribed again is said again. `initial_resource_versions` are
 * not looked at: a new stream is always answered, so that a peer with a lost or wrong secret heals.
 */
export function hearRequest(session: Session, request: DeltaRequest): Step {
  const answer = hearAnswer(session, request);
  const renamed = changeNames(answer.session, request);
  const fault = faultOfNames(renamed.session.names);
  if (fault !== undefined) return { session, effects: [{ type: 'end', error: fault }] };
  const said = sayWhatIsNew(renamed.session, 'changed');
  return { session: said.session, effects: [...answer.effects, ...renamed.effects, ...said.effects] };
}

/** Learns which versions could be said now. */
export function learnVersions(session: Session, versions: ReadonlyMap<string, string | undefined>): Step {
  return sayWhatIsNew(withReady(session, versions), 'changed');
}

function hearAnswer(session: Session, { nonce, rejection }: DeltaRequest): Step {
  if (nonce === '') return { session, effects: [] };
  if (nonce !== lastNonce(session)) return { session, effects: [{ type: 'note', heard: 'stale' }] };
  return heardBack(session, rejection);
}

function changeNames(session: Session, request: DeltaRequest): Step {
  const effects: Effect[] = [];
  const names = new Map(session.names);
  for (const name of request.unsubscribe) {
    if (names.delete(name)) effects.push({ type: 'unsubscribe', name });
  }
  for (const name of request.subscribe) {
    const known = names.get(name);
    names.set(name, { ready: known?.ready, said: undefined });
    if (known === undefined) effects.push({ type: 'subscribe', name });
  }
  return { session: { ...session, names }, effects };
}
