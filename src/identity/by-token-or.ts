import type { Caller } from '../core/caller.ts';
import type { Authenticator, Call } from '../core/rpc.ts';
import { showsToken } from './credentials.ts';

/** Knows who shows a token by that token, and everybody else in the other way. A bad token is refused, and no way out. */
export function byTokenOr(byToken: Authenticator<Caller>, otherwise: Authenticator<Caller>): Authenticator<Caller> {
  const chosen = ({ metadata }: Call): Authenticator<Caller> => (showsToken(metadata) ? byToken : otherwise);
  return {
    recognize: (call) => chosen(call).recognize(call),
    authenticate: (call) => chosen(call).authenticate(call),
  };
}
