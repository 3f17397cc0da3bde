import type { Caller } from '../core/caller.ts';
import type { IdentityJudge } from '../core/identity-policy.ts';
import type { Authenticator } from '../core/rpc.ts';

/** Lets only those callers through that may be served; the others are refused with `identity-not-allowed`. */
export function permitted(authenticator: Authenticator<Caller>, judge: IdentityJudge): Authenticator<Caller> {
  return {
    recognize(call) {
      const caller = authenticator.recognize(call);
      // `authenticate` says why not.
      return caller && judge.judge(caller.identity.spiffeId).allowed ? caller : undefined;
    },
    async authenticate(call) {
      const caller = await authenticator.authenticate(call);
      const verdict = judge.judge(caller.identity.spiffeId);
      if (!verdict.allowed) throw verdict.error;
      return caller;
    },
  };
}
