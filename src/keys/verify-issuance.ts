import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import type { DerCertificates } from '../core/ca-provider.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';
import { type Certificate, sameBytes } from './certificate.ts';
import { sha256Hex } from './digest.ts';
import { isKnownSignedBy, parseIssuerCertificate, parseLeafCertificate } from './known-certificates.ts';
import { ObjectId } from './object-ids.ts';
import { toPemBundle } from './pem.ts';
import { quoteForeignName } from './quote-foreign-name.ts';

/** What a CA answered, and what it was asked for. */
export interface Issuance {
  /** Leaf first, each signed by the next; a root at the end is allowed. */
  readonly chain: DerCertificates;
  /** The roots that peers trust; those that are not certificates are passed over. */
  readonly roots: DerCertificates;
  readonly spiffeId: SpiffeId;
  /** SubjectPublicKeyInfo in DER of the key that the request was made with. */
  readonly publicKeyDer: Uint8Array;
  readonly nowMs: number;
  /** The chain may begin this much in the future, and must not be served before; 0 unless said. */
  readonly aheadMs?: number;
}

/** A chain that every peer with these roots accepts. */
export interface VerifiedIssuance {
  /** PEM, leaf first, without a root at the end, a newline after each block. */
  readonly chainPem: Buffer;
  /** The leaf's, in lower-case hex. */
  readonly serial: string;
  /** When the last certificate of the chain begins. */
  readonly notBeforeMs: number;
  /** When the first certificate of the chain expires, its root included: with it the chain is of no use any more. */
  readonly notAfterMs: number;
  /** Those of the roots, DER, that verify it: a peer has to have one of them. */
  readonly anchors: DerCertificates;
  /** A digest of the chain alone, 32 hex characters. */
  readonly version: string;
}

/**
 * Verifies what a CA answered, as Envoy's peers will (RFC 5280, 6.1; X509-SVID, section 5) and stricter: exactly
 * the identity and the key that were asked for.
 *
 * @throws AgentError `ca-answer-invalid`, naming exactly what is wrong
 */
export function verifyIssuance(issuance: Issuance): VerifiedIssuance {
  try {
    return verify(issuance);
  } catch (thrown) {
    if (!(thrown instanceof AgentError)) throw thrown;
    throw new AgentError('ca-answer-invalid', `the CA's answer is refused: ${thrown.message}`, { cause: thrown.cause });
  }
}

function verify({ chain, roots, spiffeId, publicKeyDer, nowMs, aheadMs = 0 }: Issuance): VerifiedIssuance {
  const [leaf, ...issuers] = parseChain(chain);
  if (leaf === undefined) throw fault('its chain is empty');
  if (issuers.some((issuer) => sameBytes(issuer.publicKeyDer, publicKeyDer))) {
    throw fault('its chain is in the wrong order: the certificate asked for must be the first');
  }
  verifyLeaf(leaf, spiffeId, publicKeyDer);
  const path = withoutRoot([leaf, ...issuers]);
  const anchors = verifyPath(path, parseRoots(roots), { nowMs, aheadMs });
  const ders = path.map(({ der }) => der);
  const chainPem = Buffer.from(toPemBundle('CERTIFICATE', ders));
  return {
    chainPem,
    serial: leaf.serial,
    notBeforeMs: Math.max(...path.map(({ notBeforeMs }) => notBeforeMs)),
    notAfterMs: Math.min(...path.map(({ notAfterMs }) => notAfterMs), latestOf(anchors)),
    anchors: anchors.map(({ der }) => der),
    version: sha256Hex(chainPem).slice(0, 32),
  };
}

/** More than any sensible hierarchy has, and a bound on the work for an answer. */
const LONGEST_CHAIN = 10;

function parseChain(chain: DerCertificates): Certificate[] {
  if (chain.length > LONGEST_CHAIN) throw fault(`its chain has ${chain.length} certificates`);
  return chain.map((der, index) => {
    try {
      return index === 0 ? parseLeafCertificate(der) : parseIssuerCertificate(der);
    } catch (cause) {
      if (!(cause instanceof AgentError)) throw cause;
      throw new AgentError('ca-answer-invalid', `${nameOf(index)} is ${cause.message}`, { cause });
    }
  });
}

function parseRoots(roots: DerCertificates): Certificate[] {
  return roots.flatMap((der) => {
    try {
      return [parseIssuerCertificate(der)];
    } catch {
      return [];
    }
  });
}

function verifyLeaf(leaf: Certificate, spiffeId: SpiffeId, publicKeyDer: Uint8Array): void {
  if (!sameBytes(leaf.publicKeyDer, publicKeyDer)) {
    throw fault('its certificate is for another key than the one asked for');
  }
  if (!leaf.uriSans.includes(spiffeId)) {
    const found = leaf.subjectAltNames[0];
    const instead = found === undefined ? 'no name at all' : `${found.kind} ${quoteForeignName(found.value)}`;
    throw fault(`its certificate is for ${instead} instead of ${quoteUntrusted(spiffeId)}`);
  }
  const extra = leaf.subjectAltNames.filter(({ kind, value }) => kind !== 'uri' || value !== spiffeId)[0];
  if (extra !== undefined) {
    throw fault(
      `its certificate has another name beside the SPIFFE ID: ${extra.kind} ${quoteForeignName(extra.value)}`,
    );
  }
  if (leaf.subjectAltNames.length > 1) throw fault('its certificate has the SPIFFE ID more than once');
  if (leaf.isCa || leaf.keyUsage?.includes('keyCertSign')) {
    throw fault('its certificate is one of a CA, not of a workload');
  }
  // X509-SVID, section 4.3; Envoy enforces it as well.
  if (!leaf.keyUsage?.includes('digitalSignature')) throw fault('its certificate lacks the key usage digitalSignature');
}

/** The chain up to a self-signed root, which a peer has to have by itself. */
function withoutRoot(chain: readonly Certificate[]): readonly Certificate[] {
  const last = chain.at(-1);
  return chain.length > 1 && last !== undefined && isKnownSignedBy(last, last) ? chain.slice(0, -1) : chain;
}

type When = Required<Pick<Issuance, 'nowMs' | 'aheadMs'>>;

/** Gives the roots that it leads to, at least one. */
function verifyPath(path: readonly Certificate[], roots: readonly Certificate[], when: When): Certificate[] {
  for (const [index, certificate] of path.entries()) {
    verifyExtensions(certificate, nameOf(index));
    verifyTime(certificate, nameOf(index), when);
    if (index > 0) verifyIssuer(certificate, nameOf(index), index - 1);
    const next = path[index + 1];
    if (next !== undefined && !isKnownSignedBy(certificate, next)) {
      throw fault(`${nameOf(index)} is not signed by ${nameOf(index + 1)}: each must be signed by the next`);
    }
  }
  return verifyAnchors(path, roots, when.nowMs);
}

function verifyAnchors(path: readonly Certificate[], roots: readonly Certificate[], nowMs: number): Certificate[] {
  const last = path.at(-1);
  if (last === undefined) return [];
  // A peer may trust an intermediate itself: Envoy takes any certificate of its bundle for an anchor. A leaf is none.
  const isAnchor = (root: Certificate): boolean => path.length > 1 && sameBytes(root.der, last.der);
  const anchors = roots.filter((root) => isAnchor(root) || isKnownSignedBy(last, root));
  const valid = anchors.filter((root) => root.notBeforeMs <= nowMs && nowMs < root.notAfterMs);
  const preferred = valid[0] ?? anchors[0];
  if (preferred === undefined) throw fault(`its chain does not reach any of the ${roots.length} trusted roots`);
  verifyTime(preferred, 'its root', { nowMs, aheadMs: 0 });
  if (!isAnchor(preferred)) verifyIssuer(preferred, 'its root', path.length - 1);
  return valid;
}

function latestOf(certificates: readonly Certificate[]): number {
  return Math.max(...certificates.map(({ notAfterMs }) => notAfterMs));
}

function verifyExtensions(certificate: Certificate, name: string): void {
  const [unknown] = certificate.unknownCritical;
  if (unknown !== undefined) throw fault(`${name} has the critical extension ${unknown}, which peers do not know`);
  const { extKeyUsage } = certificate;
  if (extKeyUsage === undefined) return;
  for (const purpose of ['clientAuth', 'serverAuth'] as const) {
    if (!extKeyUsage.includes(ObjectId[purpose])) throw fault(`${name} lacks the extended key usage ${purpose}`);
  }
}

function verifyTime({ notBeforeMs, notAfterMs }: Certificate, name: string, { nowMs, aheadMs }: When): void {
  if (nowMs + aheadMs < notBeforeMs) throw fault(`${name} ${notYetValid(notBeforeMs, nowMs)}`);
  if (nowMs >= notAfterMs) {
    const clocks = "if it is new, the clock of the CA is behind, or this node's ahead";
    throw fault(`${name} has expired at ${toIsoTime(notAfterMs)}, and here it is ${toIsoTime(nowMs)}: ${clocks}`);
  }
}

/** What is wrong with a certificate that begins in the future, and which clocks to look at. */
export function notYetValid(notBeforeMs: number, nowMs: number): string {
  const times = `valid from ${toIsoTime(notBeforeMs)}, and here it is ${toIsoTime(nowMs)}`;
  const skew = `the CA's is ahead, or this node's behind, by ${Math.ceil((notBeforeMs - nowMs) / 1000)} s or more`;
  return `is not yet valid (${times}): look at the clocks of the CA and of this node, ${skew}`;
}

/** @param below how many intermediates stand between the certificate and the leaf */
function verifyIssuer(certificate: Certificate, name: string, below: number): void {
  if (!certificate.isCa) throw fault(`${name} is not one of a CA`);
  if (certificate.keyUsage !== undefined && !certificate.keyUsage.includes('keyCertSign')) {
    throw fault(`${name} lacks the key usage keyCertSign`);
  }
  if (certificate.pathLength !== undefined && certificate.pathLength < below) {
    throw fault(`${name} allows ${certificate.pathLength} intermediates below it, and the chain has ${below}`);
  }
}

function nameOf(index: number): string {
  return index === 0 ? 'its certificate' : `certificate ${index + 1} of its chain`;
}

function fault(message: string): AgentError {
  return new AgentError('ca-answer-invalid', message);
}
