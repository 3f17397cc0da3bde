import { faultOfNames } from './name-limit.ts';
import {
  type Effect,
  heardBack,
  lastNonce,
  type NameState,
  type Session,
  type Step,
  sayWhatIsNew,
  withReady,
} from './session.ts';

/** What a state-of-the-world DiscoveryRequest says, apart from its type. */
export interface SotwRequest {
  /** All names the peer wants from now on; empty after some: none any more. */
  readonly names: readonly string[];
  /** The nonce of the response that this answers, empty when it answers none. */
  readonly nonce: string;
  /** Why the peer rejects that response (`error_detail`), or undefined. */
  readonly rejection: string | undefined;
}

/**
 * Hears a request of the state-of-the-world protocol.
 *
 * A nonce that is not the last one is stale: the request was written before the peer saw the last response, which
 * it will still answer, with the names it then wants; so all of it is ignored. An empty nonce answers nothing and
 * only changes the names: Envoy sends one when it subscribes again before the first response. Nor does any nonce answer
 * anything before the first response: it is from another stream, and the first request has to be answered.
 * The version in a request is not looked at: a new stream is always answered, and on a living one the nonce tells.
 */
export function hearRequest(session: Session, request: SotwRequest): Step {
  const answers = request.nonce !== '' && session.responses > 0;
  if (answers && request.nonce !== lastNonce(session)) {
    return { session, effects: [{ type: 'note', heard: 'stale' }] };
  }
  const back = answers ? heardBack(session, request.rejection) : { session, effects: [] };
  const renamed = replaceNames(back.session, new Set(request.names));
  const fault = faultOfNames(renamed.session.names);
  if (fault !== undefined) return { session, effects: [{ type: 'end', error: fault }] };
  const said = sayWhatIsNew(renamed.session, 'all');
  return { session: said.session, effects: [...back.effects, ...renamed.effects, ...said.effects] };
}

/** Learns which versions could be said now. */
export function learnVersions(session: Session, versions: ReadonlyMap<string, string | undefined>): Step {
  return sayWhatIsNew(withReady(session, versions), 'all');
}

function replaceNames(session: Session, wanted: ReadonlySet<string>): Step {
  const effects: Effect[] = [];
  const names = new Map<string, NameState>();
  for (const [name, state] of session.names) {
    if (wanted.has(name)) names.set(name, state);
    else effects.push({ type: 'unsubscribe', name });
  }
  for (const name of wanted) {
    if (names.has(name)) continue;
    names.set(name, { ready: undefined, said: undefined });
    effects.push({ type: 'subscribe', name });
  }
  return { session: { ...session, names }, effects };
}
