import { AgentError, quoteUntrusted } from './agent-error.ts';

/**
 * A SPIFFE ID in its one canonical spelling, for example `spiffe://cluster.local/ns/shop/sa/web`.
 * Only `parseSpiffeId` and `serviceAccountId` make one, so a value of this type is always well formed.
 */
export type SpiffeId = string & { readonly __brand: 'SpiffeId' };

// SPIFFE-ID standard, section 2: at most 2048 bytes, trust domain of lower-case letters, digits, dots, dashes
// and underscores, path segments of letters, digits, dots, dashes and underscores, never `.` or `..`.
const MAX_LENGTH = 2048;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const PATH_SEGMENT = /^[A-Za-z0-9._-]+$/;

/** Whether the text is a SPIFFE trust domain name, without the `spiffe://`. */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

/**
 * Reads a workload's SPIFFE ID (SPIFFE-ID standard, section 2): a trust domain and a path that is not empty.
 *
 * @throws AgentError `request-invalid`, naming the text and the rule it breaks
 */
export function parseSpiffeId(text: string): SpiffeId {
  const fault = faultOf(text);
  if (fault !== undefined) {
    throw new AgentError('request-invalid', `${quoteUntrusted(text)} is not a SPIFFE ID: ${fault}`);
  }
  return text as SpiffeId;
}

function faultOf(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `it is longer than ${MAX_LENGTH} bytes`;
  if (!text.startsWith('spiffe://')) return 'it does not start with spiffe://';
  const [trustDomain = '', ...segments] = text.slice('spiffe://'.length).split('/');
  if (!isTrustDomain(trustDomain)) return 'its trust domain has characters outside a-z 0-9 . - _';
  if (segments.length === 0) return 'it has no path';
  for (const segment of segments) {
    if (segment === '.' || segment === '..' || !PATH_SEGMENT.test(segment)) {
      return `its path segment ${quoteUntrusted(segment)} is not allowed`;
    }
  }
  return undefined;
}

/**
 * The SPIFFE ID of a Kubernetes service account, as Istio spells it: `spiffe://<td>/ns/<namespace>/sa/<name>`.
 *
 * @throws AgentError `request-invalid` when a part has characters that a SPIFFE ID cannot carry
 */
export function serviceAccountId(trustDomain: string, namespace: string, serviceAccount: string): SpiffeId {
  // A slash would turn one name into two segments, and so into another account's ID.
  for (const name of [namespace, serviceAccount]) {
    if (!PATH_SEGMENT.test(name))
      throw new AgentError('request-invalid', `${quoteUntrusted(name)} is not a Kubernetes name`);
  }
  return parseSpiffeId(`spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`);
}

/** The namespace of a SPIFFE ID that `serviceAccountId` could have made; undefined: it is of another form. */
export function namespaceOf(id: SpiffeId): string | undefined {
  return /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(id)?.[1];
}

/** The trust domain of a SPIFFE ID, without the `spiffe://`. */
export function trustDomainOf(id: SpiffeId): string {
  const start = 'spiffe://'.length;
  return id.slice(start, id.indexOf('/', start));
}
