import { AgentError } from '../../core/agent-error.ts';
import type { DerCertificates } from '../../core/ca-provider.ts';
import { IstioCertificateRequest, IstioCertificateResponse } from '../../gen/istio/ca.ts';
import { type Certificate, sameBytes } from '../../keys/certificate.ts';
import { isKnownSignedBy, parseIssuerCertificate, parseLeafCertificate } from '../../keys/known-certificates.ts';
import { parsePem } from '../../keys/pem.ts';
import { areTooMany } from '../../keys/roots.ts';

/** A bound on the work for an answer: the longest chains have ten, and bundles of roots not many more. */
const MOST_CERTIFICATES = 50;

/** What a CA gave: the certificates in DER. */
export interface CaAnswer {
  /** Leaf first, then intermediates, without the roots. Never empty. */
  readonly chain: DerCertificates;
  /** Never empty. */
  readonly roots: DerCertificates;
  /** When the leaf expires. */
  readonly notAfterMs: number;
}

/**
 * The request for a certificate.
 *
 * @param csrPem PKCS#10 in PEM
 */
export function encodeRequest(csrPem: string, ttlMs: number): Uint8Array {
  // Never more than was asked for; and 0 would leave it to the CA.
  const validityDuration = Math.max(1, Math.floor(ttlMs / 1000));
  return IstioCertificateRequest.encode({ csr: csrPem, validityDuration }).finish();
}

/**
 * Reads an answer as Istio's agent does: PEM, the leaf in the first element, the root in the last, so that there are
 * two at least. An element may hold several certificates, in the order of the chain; istiod puts the intermediates
 * into one element, and several roots into the last while its root is being replaced.
 *
 * @throws AgentError `ca-answer-invalid`, saying what is wrong
 */
export function decodeAnswer(bytes: Uint8Array): CaAnswer {
  const elements = decodeElements(bytes);
  if (elements.length < 2) {
    const found = elements.length === 0 ? 'no certificate' : 'no root: its chain has a single element';
    throw invalid(`${found}, and Istio's CA API wants the root last`);
  }
  const last = parsePem(elements.at(-1) ?? '', 'CERTIFICATE');
  const chain = elements.slice(0, -1).flatMap((element) => parsePem(element, 'CERTIFICATE'));
  if (chain.length + last.length > MOST_CERTIFICATES) throw invalid(`${chain.length + last.length} certificates`);
  const roots = takeIntermediates(chain, last);
  if (areTooMany(roots)) throw invalid('larger roots than can be trusted');
  const [leaf = new Uint8Array()] = chain;
  return {
    chain: chain.filter((der) => !roots.some((root) => sameBytes(root, der))),
    roots,
    notAfterMs: parseLeafCertificate(leaf).notAfterMs,
  };
}

function decodeElements(bytes: Uint8Array): readonly string[] {
  try {
    return IstioCertificateResponse.decode(bytes).certChain;
  } catch (cause) {
    throw new AgentError('ca-answer-invalid', "the CA's answer is none of Istio's CA API", { cause });
  }
}

/**
 * Moves intermediates that stand before the root in the last element to the end of the chain. The very last
 * certificate is a root whatever it looks like, as for Istio: istio-csr gives an intermediate there where it knows
 * no root.
 *
 * @returns the roots
 */
function takeIntermediates(chain: Uint8Array[], last: readonly Uint8Array[]): DerCertificates {
  const roots = last.map(parseIssuerCertificate);
  const top = chain.at(-1) ?? new Uint8Array();
  let end = chain.length === 1 ? parseLeafCertificate(top) : parseIssuerCertificate(top);
  for (;;) {
    const [first, ...others] = roots;
    if (first === undefined || others.length === 0 || isSelfIssued(first) || !isKnownSignedBy(end, first)) break;
    chain.push(first.der);
    end = first;
    roots.shift();
  }
  return roots.map(({ der }) => der);
}

function isSelfIssued({ issuerDer, subjectDer }: Certificate): boolean {
  return sameBytes(issuerDer, subjectDer);
}

function invalid(fault: string): AgentError {
  return new AgentError('ca-answer-invalid', `the CA's answer has ${fault}`);
}
