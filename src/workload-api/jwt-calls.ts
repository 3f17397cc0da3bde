import { AgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import { Redacted } from '../core/redacted.ts';
import {
  JWTSVIDRequest,
  JWTSVIDResponse,
  ValidateJWTSVIDRequest,
  ValidateJWTSVIDResponse,
} from '../gen/spiffe/workload.ts';
import type { JwtContext } from './workload-api-context.ts';

/** A token for many is a token that each of them can use against the others (SPIFFE JWT-SVID, section 7.2). */
const MOST_AUDIENCES = 16;
/** As long as a SPIFFE ID may be, which is what an audience often is. */
const LONGEST_AUDIENCE = 2048;
const LONGEST_TOKEN = 16 * 1024;

/**
 * Makes the caller's JWT-SVID (SPIFFE Workload API, section 6.2.1).
 *
 * @throws AgentError `request-invalid`, `identity-denied` for an identity that is not the caller's, or of the `ca-*` family
 */
export async function fetchJwtSvid(
  { authority, ttlMs }: JwtContext,
  { identity: { spiffeId } }: Caller,
  message: Buffer,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const request = decode(JWTSVIDRequest, message);
  const audiences = [...new Set(request.audience)];
  requireAudiences(audiences);
  if (request.spiffeId !== '' && request.spiffeId !== spiffeId) {
    throw new AgentError('identity-denied', 'the SPIFFE ID that is asked for is not the caller’s');
  }
  const svid = await authority.sign({ id: spiffeId, audiences, ttlMs }, signal);
  return JWTSVIDResponse.encode({ svids: [{ spiffeId, svid: svid.reveal(), hint: '' }] }).finish();
}

/**
 * Judges a JWT-SVID for the caller (SPIFFE Workload API, section 6.2.3).
 *
 * @throws AgentError `request-invalid` for a token that is not valid, or of the `ca-*` family
 */
export async function validateJwtSvid(
  { authority }: JwtContext,
  message: Buffer,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { audience, svid } = decode(ValidateJWTSVIDRequest, message);
  requireAudiences([audience]);
  if (svid === '') throw new AgentError('request-invalid', 'the request has no JWT-SVID');
  if (svid.length > LONGEST_TOKEN) {
    throw new AgentError('request-invalid', `the JWT-SVID is longer than ${LONGEST_TOKEN} characters`);
  }
  const { spiffeId, claims } = await authority.validate(new Redacted(svid), audience, signal);
  return ValidateJWTSVIDResponse.encode({ spiffeId, claims: { ...claims } }).finish();
}

function requireAudiences(audiences: readonly string[]): void {
  if (audiences.length === 0) throw new AgentError('request-invalid', 'the request names no audience');
  if (audiences.length > MOST_AUDIENCES) {
    throw new AgentError('request-invalid', `${audiences.length} audiences: name at most ${MOST_AUDIENCES}`);
  }
  if (audiences.some((audience) => audience === '' || audience.length > LONGEST_AUDIENCE)) {
    throw new AgentError('request-invalid', `an audience has to have from 1 to ${LONGEST_AUDIENCE} characters`);
  }
}

function decode<Message>(decoder: { decode(bytes: Uint8Array): Message }, bytes: Uint8Array): Message {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new AgentError('request-invalid', 'the message is not a request of this method', { cause });
  }
}
