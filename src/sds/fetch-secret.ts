import { AgentError, quoteUntrusted, toAgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import { resolveResourceName } from '../core/resource-name.ts';
import type { Call } from '../core/rpc.ts';
import type { Secret } from '../core/secret.ts';
import { requireExpressible } from './encode-secret.ts';
import { obtainSecret } from './obtain-secret.ts';
import { requireSecretType } from './resource-type.ts';
import type { SdsContext, SdsService } from './sds-context.ts';

/** What a discovery request of one question and one answer says. */
export interface FetchRequest {
  readonly typeUrl: string;
  readonly names: readonly string[];
}

export interface FetchedSecret<Request> {
  readonly name: string;
  readonly secret: Secret;
  readonly request: Request;
}

/**
 * Answers a fetch, over gRPC or REST: verifies the caller, then gives the one secret that was asked for. Where a
 * stream would stay silent, a fetch says why there is nothing.
 *
 * @param read waits for the request; not called before the caller is verified
 * @throws AgentError of the `token-*` and `request-*` families, or `secret-not-ready`
 */
export async function fetchSecret<Request extends FetchRequest>(
  context: SdsContext,
  service: SdsService,
  call: Call,
  read: () => Promise<Request>,
): Promise<FetchedSecret<Request>> {
  const { store, names, clock } = context;
  const caller = await authenticate(context, call);
  using _place = context.limits.enter(caller.identity);
  const request = await read();
  requireSecretType(request.typeUrl, service.api, service.aggregated);
  const [name, ...others] = new Set(request.names);
  if (name === undefined) throw new AgentError('request-invalid', 'the request names no secret: name one');
  if (others.length > 0) {
    const count = others.length + 1;
    throw new AgentError(
      'request-invalid',
      `the request names ${count} secrets: fetch one at a time, or open a stream`,
    );
  }
  const ref = resolveResourceName(name, caller, names);
  if (ref === undefined) {
    throw new AgentError('request-name-unknown', `no secret is served to you under ${quoteUntrusted(name)}`);
  }
  requireExpressible(ref, name, service.api);
  return { name, secret: await obtainSecret(store, ref, name, clock, call.signal), request };
}

async function authenticate({ authenticator, refusals }: SdsContext, call: Call): Promise<Caller> {
  try {
    return await authenticator.authenticate(call);
  } catch (thrown) {
    const error = toAgentError(thrown);
    refusals.refused(call, error);
    throw error;
  }
}
