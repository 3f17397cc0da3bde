import { AgentError } from '../../core/agent-error.ts';
import type { DerCertificates } from '../../core/ca-provider.ts';
import { parseCertificate } from '../../keys/certificate.ts';

const LONGEST_CHAIN = 16;
const MOST_ROOTS = 1000;
const LARGEST_BYTES = 64 * 1024;
const DASH = 0x2d;

/** A chain as `CaProvider.sign` gives it. @throws AgentError `ca-answer-invalid`, saying what it is instead */
export function checkChain(answer: unknown): DerCertificates {
  const chain = checkCertificates(answer, 'sign', LONGEST_CHAIN);
  if (chain.length === 0) throw invalid('sign gave an empty chain: give the leaf, then its intermediates');
  for (const [index, der] of chain.entries()) demandCertificate(der, index);
  return chain;
}

/** Roots as `CaProvider.roots` gives them; which of them are any good is for the bundle to say. */
export function checkRoots(answer: unknown): DerCertificates {
  return checkCertificates(answer, 'roots', MOST_ROOTS);
}

function checkCertificates(answer: unknown, method: string, most: number): DerCertificates {
  if (!Array.isArray(answer)) throw invalid(`${method} gave ${kindOf(answer)}, not an array of certificates in DER`);
  if (answer.length > most) throw invalid(`${method} gave ${answer.length} certificates, more than ${most}`);
  return answer.map((element: unknown, index) => {
    const place = `element ${index} of what ${method} gave`;
    if (!(element instanceof Uint8Array)) throw invalid(`${place} is ${kindOf(element)}, not a Uint8Array`);
    if (element.length > LARGEST_BYTES)
      throw invalid(`${place} has ${element.length} bytes, more than ${LARGEST_BYTES}`);
    if (element[0] === DASH) throw invalid(`${place} is PEM: give DER`);
    // Only these bytes, of what may be a part of a large buffer.
    return new Uint8Array(element);
  });
}

function demandCertificate(der: Uint8Array, index: number): void {
  try {
    parseCertificate(der);
  } catch (cause) {
    throw new AgentError('ca-answer-invalid', `element ${index} of what sign gave is no certificate in DER`, { cause });
  }
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function invalid(fault: string): AgentError {
  return new AgentError('ca-answer-invalid', `the CA module's ${fault}`);
}
