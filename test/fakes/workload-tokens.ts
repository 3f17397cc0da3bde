import { createHmac } from 'node:crypto';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId, type SpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';

const KEY = 'known to every fake CA, in whatever process';

/** A token that looks like a JWT, with which a fake CA knows who is calling. */
export function workloadToken(id: SpiffeId, expiresAtMs = Number.MAX_SAFE_INTEGER): Redacted<string> {
  const body = [{ alg: 'HS256' }, { sub: id, exp: expiresAtMs }].map(encode).join('.');
  return new Redacted(`${body}.${sign(body)}`);
}

/** Whose token it is; undefined for one that is wrong or has expired. */
export function readWorkloadToken(token: string, nowMs: number): SpiffeId | undefined {
  const [header = '', claims = '', signature] = token.split('.');
  if (signature !== sign(`${header}.${claims}`)) return undefined;
  const { sub, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  return nowMs < exp ? parseSpiffeId(sub) : undefined;
}

/** Whose service-account token it is, as a CA knows that has verified it. */
export function readServiceAccountToken(token: string): SpiffeId {
  const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const [namespace = '', account = ''] = sub.replace('system:serviceaccount:', '').split(':');
  return serviceAccountId('cluster.local', namespace, account);
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function sign(body: string): string {
  return createHmac('sha256', KEY).update(body).digest('base64url');
}
