import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import { toGrpcStatus } from '../core/grpc-status.ts';
import type { Authenticator, Call } from '../core/rpc.ts';

const SECURITY_HEADER = 'workload.spiffe.io';

/**
 * Who calls. First the header that a request which somebody was tricked into making does not have (SPIFFE Workload
 * Endpoint, section 3); then the authenticator, whose every "no" is that the caller has no identity here (section 6).
 *
 * @throws AgentError `request-invalid` without the header, `identity-denied`, or what keeps the agent from telling
 */
export async function identifyCaller(call: Call, authenticator: Authenticator<Caller>): Promise<Caller> {
  const values = call.metadata.getAll(SECURITY_HEADER);
  if (values.length !== 1 || values[0] !== 'true') {
    throw new AgentError('request-invalid', `the metadata ${SECURITY_HEADER} has to be there once, and be true`);
  }
  try {
    return await authenticator.authenticate(call);
  } catch (thrown) {
    throw toDenial(toAgentError(thrown));
  }
}

function toDenial(error: AgentError): AgentError {
  const status = toGrpcStatus(error.code);
  if (status !== 'UNAUTHENTICATED' && status !== 'PERMISSION_DENIED') return error;
  return new AgentError('identity-denied', `the caller has no identity here: ${error.message}`, { cause: error });
}
