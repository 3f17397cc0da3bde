import { AgentError } from '../../core/agent-error.ts';
import type { DerCertificates } from '../../core/ca-provider.ts';
import { type Certificate, sameBytes } from '../../keys/certificate.ts';
import { isKnownSignedBy, parseIssuerCertificate, parseLeafCertificate } from '../../keys/known-certificates.ts';

/** More than any hierarchy has, and a bound on the work for an answer. */
const MOST_ISSUERS = 20;

/**
 * The certificates of issuers, each once; those that cannot be read are passed over.
 *
 * @throws AgentError `ca-answer-invalid` for more than any hierarchy has
 */
export function parseIssuers(ders: DerCertificates): readonly Certificate[] {
  if (ders.length > MOST_ISSUERS) {
    throw new AgentError('ca-answer-invalid', `vault answered with ${ders.length} certificates of issuers`);
  }
  const issuers: Certificate[] = [];
  for (const der of ders) {
    try {
      if (!issuers.some((known) => sameBytes(known.der, der))) issuers.push(parseIssuerCertificate(der));
    } catch {
      // Peers could not read it either.
    }
  }
  return issuers;
}

/** The chain that a peer needs: the leaf, then its issuers in order as far as they are known, without the root. */
export function toChain(leafDer: Uint8Array, issuers: readonly Certificate[]): DerCertificates {
  const leaf = parseLeafCertificate(leafDer);
  const first = issuers.find((issuer) => signs(issuer, leaf));
  const above = first === undefined ? [] : pathFrom(first, issuers);
  return [leaf, ...above.filter((issuer) => !isRoot(issuer))].map(({ der }) => der);
}

/**
 * What peers have to trust: of each issuer the one at the top. That is its root; where nobody has given the root, it
 * is the highest intermediate, which Envoy takes for an anchor as well.
 */
export function toAnchors(issuers: readonly Certificate[]): DerCertificates {
  const tops = issuers.map((issuer) => pathFrom(issuer, issuers).at(-1) ?? issuer);
  return [...new Set(tops)].map(({ der }) => der);
}

/** From an issuer up to its root, or as far as the issuers are known. */
function pathFrom(start: Certificate, issuers: readonly Certificate[]): readonly Certificate[] {
  const path = [start];
  for (let last = start; !isRoot(last); ) {
    const next = issuers.filter((issuer) => !path.includes(issuer) && signs(issuer, last));
    // The root itself where it has also been signed by another one: the shorter way is the better.
    const above = next.find(isRoot) ?? next[0];
    if (above === undefined) break;
    path.push(above);
    last = above;
  }
  return path;
}

/** By its names: how a root is signed does not matter, some are with what is too weak for anything else. */
function isRoot({ issuerDer, subjectDer, authorityKeyId, subjectKeyId }: Certificate): boolean {
  if (!sameBytes(issuerDer, subjectDer)) return false;
  return authorityKeyId === undefined || subjectKeyId === undefined || sameBytes(authorityKeyId, subjectKeyId);
}

function signs(issuer: Certificate, child: Certificate): boolean {
  try {
    return isKnownSignedBy(child, issuer);
  } catch {
    // An algorithm that is too weak or unknown: whoever verifies the chain says so.
    return false;
  }
}
