import { AgentError } from '../../core/agent-error.ts';
import type { DerCertificates } from '../../core/ca-provider.ts';
import { parsePem } from '../../keys/pem.ts';
import { readField, readJson } from './read-json.ts';

/** What Vault's PKI has signed. */
export interface SignedAnswer {
  readonly leaf: Uint8Array;
  /** Those that the answer names, in any order: the issuer, its issuers, the root, or none at all. */
  readonly issuers: DerCertificates;
}

/**
 * Reads the answer of `sign`: `certificate`, `issuing_ca`, and `ca_chain`, which older versions leave out.
 *
 * @throws AgentError `ca-answer-invalid`
 */
export function parseSignedAnswer(text: string): SignedAnswer {
  const data = readField(readJson(text), 'data');
  const chain = readField(data, 'ca_chain');
  const [leaf, ...others] = parsePemChain(readField(data, 'certificate'));
  if (leaf === undefined) {
    throw new AgentError('ca-answer-invalid', 'vault answered without a certificate: look at VAULT_SIGN_CSR_PATH');
  }
  const issuers = [readField(data, 'issuing_ca'), ...(Array.isArray(chain) ? chain : [chain])];
  return { leaf, issuers: [...others, ...issuers.flatMap(parsePemChain)] };
}

/**
 * Reads certificates in PEM; none where there is no text.
 *
 * @throws AgentError `ca-answer-invalid`
 */
export function parsePemChain(value: unknown): DerCertificates {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'string') {
    throw new AgentError('ca-answer-invalid', 'vault answered with a certificate that is no text');
  }
  return value.trim() === '' ? [] : parsePem(value, 'CERTIFICATE');
}
