import { AgentError } from '../core/agent-error.ts';
import type { Caller, Token } from '../core/caller.ts';
import { Redacted } from '../core/redacted.ts';
import type { Authenticator, Call } from '../core/rpc.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';

/** There is none: the embedded CA, the only one that this goes with, looks at none. */
const NO_TOKEN: Token = new Redacted('');

/**
 * Knows callers by the user that their process runs as, as the kernel says (SO_PEERCRED): for machines without
 * Kubernetes. Whoever may become that user on this machine has its identity.
 */
export class UidAuthenticator implements Authenticator<Caller> {
  readonly #identityOfUid: ReadonlyMap<number, SpiffeId>;

  constructor(identityOfUid: ReadonlyMap<number, SpiffeId>) {
    this.#identityOfUid = identityOfUid;
  }

  recognize(call: Call): Caller | undefined {
    const spiffeId = call.peer && this.#identityOfUid.get(call.peer.uid);
    if (spiffeId === undefined) return undefined;
    call.callerKnown();
    const identity = { spiffeId, key: spiffeId };
    return { identity, token: NO_TOKEN, tokenExpiresAtMs: Number.POSITIVE_INFINITY };
  }

  /** Rejects with `identity-denied` for everybody else. */
  async authenticate(call: Call): Promise<Caller> {
    const caller = this.recognize(call);
    if (caller !== undefined) return caller;
    const { peer } = call;
    const user = peer === undefined ? 'a caller of whom the kernel says nothing' : `the user id ${peer.uid}`;
    throw new AgentError('identity-denied', `WORKLOAD_API_UIDS has no identity for ${user}`);
  }
}
