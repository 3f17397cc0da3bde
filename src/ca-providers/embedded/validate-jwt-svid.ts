import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { compactVerify } from 'jose/jws/compact/verify';
import { AgentError } from '../../core/agent-error.ts';
import type { JwtSvid, ValidatedJwtSvid } from '../../core/jwt-authority.ts';
import { parseSpiffeId, type SpiffeId, trustDomainOf } from '../../core/spiffe-id.ts';
import { JWT_ALGORITHM, type JwtKey } from './jwt-key.ts';

/** What a JWT-SVID has to be, besides signed by one of the keys. */
export interface JwtSvidExpectations {
  readonly keys: readonly JwtKey[];
  readonly trustDomain: string;
  readonly audience: string;
  readonly nowMs: number;
}

type Claims = Readonly<Record<string, unknown>>;

/**
 * Whose JWT-SVID it is (SPIFFE JWT-SVID, sections 2 to 4). Of the algorithms in section 2.1 the keys here know one.
 *
 * No error has a cause: what a parser says about a token may quote it.
 *
 * @throws AgentError `request-invalid`, saying what is wrong with the token
 */
export async function validateJwtSvid(token: JwtSvid, expected: JwtSvidExpectations): Promise<ValidatedJwtSvid> {
  const { keys, trustDomain, audience, nowMs } = expected;
  const claims = await verifiedClaims(token.reveal(), keys);
  const { sub, aud, exp, nbf } = claims;
  if (!(Array.isArray(aud) ? aud : [aud]).includes(audience)) throw invalid('it is not for this audience');
  if (typeof exp !== 'number') throw invalid('it has no expiry');
  if (exp * 1000 <= nowMs) throw invalid('it has expired');
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1000 <= nowMs)) throw invalid('it is not valid yet');
  return { spiffeId: subjectOf(sub, trustDomain), claims };
}

async function verifiedClaims(text: string, keys: readonly JwtKey[]): Promise<Claims> {
  const { alg, kid, typ } = headerOf(text);
  if (alg !== JWT_ALGORITHM) throw invalid(`its algorithm is not ${JWT_ALGORITHM}`);
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE') throw invalid('its type is neither JWT nor JOSE');
  const candidates = keys.filter((key) => kid === undefined || key.kid === kid);
  if (candidates.length === 0) throw invalid('it is signed with an unknown key');
  for (const { publicKey } of candidates) {
    const verified = await compactVerify(text, publicKey, { algorithms: [JWT_ALGORITHM] }).catch(() => undefined);
    if (verified !== undefined) return parseClaims(verified.payload);
  }
  throw invalid('its signature cannot be verified');
}

function headerOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return { ...decodeProtectedHeader(text) };
  } catch {
    throw invalid('it is no signed token in compact serialization');
  }
}

function parseClaims(payload: Uint8Array): Claims {
  try {
    const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return { ...claims };
  } catch {
    // Told below: the parser's words would quote the token.
  }
  throw invalid('its claims are no JSON object');
}

function subjectOf(sub: unknown, trustDomain: string): SpiffeId {
  try {
    const spiffeId = parseSpiffeId(String(sub));
    if (trustDomainOf(spiffeId) === trustDomain) return spiffeId;
  } catch {
    // Told below, without what the token says.
  }
  throw invalid(`its subject is no SPIFFE ID of the trust domain ${trustDomain}`);
}

function invalid(why: string): AgentError {
  return new AgentError('request-invalid', `the JWT-SVID is not valid: ${why}`);
}
