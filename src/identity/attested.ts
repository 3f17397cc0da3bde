import { AgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { PeerMeter, PeerVerdict } from '../core/meters.ts';
import type { Attestation } from '../core/peer-attestor.ts';
import type { Authenticator, Call } from '../core/rpc.ts';
import { Seldom } from '../runtime/seldom.ts';

/** One line a minute for each kind of difference: with `warn` every call of a pod may have one. */
const INTERVAL_MS = 60_000;

const NOBODY_ASKED: Attestation = { kind: 'unknown', reason: 'the kernel does not say who has connected' };

export interface AttestedOptions {
  /** Whether a difference is refused, or told. */
  readonly mode: 'enforce' | 'warn';
  readonly meter: PeerMeter;
  readonly clock: Clock;
  readonly log: Log;
}

/** Why a caller is not who the token is for. */
interface Difference {
  readonly verdict: Exclude<PeerVerdict, 'ok'>;
  readonly code: 'peer-unknown' | 'peer-refused';
  /** For the caller: it names no pod. */
  readonly message: string;
  /** For the log: the pods. */
  readonly pods: { readonly podOfProcess?: string; readonly podOfToken?: string };
}

/**
 * Believes a token only from a process in the pod that the token is bound to, by the kernel's word: so a token that was
 * stolen is of no use elsewhere. With `enforce`, rejects with `peer-unknown` or `peer-refused`, and has nobody's token
 * verified who is in no pod; with `warn`, serves, and says what it would have refused.
 */
export function attested(authenticator: Authenticator<Caller>, options: AttestedOptions): Authenticator<Caller> {
  const { mode, meter, clock, log } = options;
  const told = new Map<PeerVerdict, Seldom>();

  function tell(call: Call, { verdict, message, pods }: Difference): void {
    const seldom = told.get(verdict) ?? new Seldom(clock);
    told.set(verdict, seldom);
    const times = seldom.again(INTERVAL_MS);
    if (times === undefined) return;
    log.warn('a caller is served that PEER_ATTESTATION=enforce would refuse', {
      reason: message,
      ...pods,
      connection: call.connectionId,
      ...(call.peer && { pid: call.peer.pid, uid: call.peer.uid }),
      ...(times > 1 && { alsoServed: times - 1 }),
    });
  }

  function judge(call: Call, difference: Difference | undefined): void {
    meter.compared(difference?.verdict ?? 'ok');
    if (difference === undefined) return;
    if (mode === 'enforce') throw toError(difference);
    // That the agent cannot see processes has been said when it started.
    if (call.peer?.pid !== 0) tell(call, difference);
  }

  return {
    recognize(call) {
      const attestation = attestationOf(call);
      // What is refused is left to `authenticate`, which says why.
      if (mode === 'enforce' && attestation.kind !== 'pod') return undefined;
      const caller = authenticator.recognize(call);
      if (caller === undefined) return undefined;
      const found = difference(attestation, caller.podUid);
      if (mode === 'enforce' && found !== undefined) return undefined;
      judge(call, found);
      return caller;
    },
    async authenticate(call) {
      const attestation = attestationOf(call);
      // Before the token is looked at: verifying it may cost a request.
      const stranger = strangeness(attestation);
      if (mode === 'enforce' && stranger !== undefined) judge(call, stranger);
      const caller = await authenticator.authenticate(call);
      judge(call, difference(attestation, caller.podUid));
      return caller;
    },
  };
}

function attestationOf({ peer }: Call): Attestation {
  return peer?.attestation ?? NOBODY_ASKED;
}

/** What is wrong with a process that is in no pod, whatever its token. */
function strangeness(attestation: Attestation): Difference | undefined {
  switch (attestation.kind) {
    case 'pod':
      return undefined;
    case 'no-pod':
      return { verdict: 'no-pod', code: 'peer-refused', message: 'the process that connected is in no pod', pods: {} };
    case 'unknown': {
      const message = `which pod the process that connected is in cannot be told: ${attestation.reason}`;
      return { verdict: 'unknown', code: 'peer-unknown', message, pods: {} };
    }
  }
}

function difference(attestation: Attestation, podOfToken: string | undefined): Difference | undefined {
  if (attestation.kind !== 'pod') return strangeness(attestation);
  if (attestation.podUid === podOfToken) return undefined;
  const { podUid: podOfProcess } = attestation;
  if (podOfToken === undefined) {
    const message = 'the token is bound to no pod: use a projected token';
    return { verdict: 'unbound-token', code: 'peer-refused', message, pods: { podOfProcess } };
  }
  const message = 'the token is bound to another pod than the one that the process that connected is in';
  return { verdict: 'other-pod', code: 'peer-refused', message, pods: { podOfProcess, podOfToken } };
}

/** The cause is for the log alone. */
function toError({ code, message, pods: { podOfProcess, podOfToken } }: Difference): AgentError {
  if (podOfProcess === undefined) return new AgentError(code, message);
  const cause = `the process is in pod ${podOfProcess}, the token is of ${podOfToken ?? 'none'}`;
  return new AgentError(code, message, { cause });
}
