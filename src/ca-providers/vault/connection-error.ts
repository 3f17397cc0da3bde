import { AgentError, type ErrorCode } from '../../core/agent-error.ts';

interface Meaning {
  readonly of: RegExp;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What the codes of Node's errors mean; the first that fits. */
const MEANINGS: readonly Meaning[] = [
  {
    of: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    code: 'ca-unavailable',
    message: 'the certificate of vault is for another name: look at the host in VAULT_ADDR',
  },
  {
    of: /^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/,
    code: 'ca-unavailable',
    message: 'the certificate of vault is not to be trusted: look at VAULT_TLS_ROOT_CERT, and at its validity',
  },
  {
    of: /^(EPROTO|ERR_SSL_)/,
    code: 'ca-unavailable',
    message: 'no TLS with vault: look at http or https in VAULT_ADDR, and at VAULT_TLS_ROOT_CERT',
  },
  { of: /^HPE_/, code: 'ca-answer-invalid', message: 'vault does not answer in HTTP: look at VAULT_ADDR' },
  {
    of: /^(ENOTFOUND|EAI_AGAIN)$/,
    code: 'ca-unavailable',
    message: 'the host of vault is not known: look at VAULT_ADDR and at DNS',
  },
];

/** Why there is no answer of Vault, from what Node threw. */
export function toConnectionError(thrown: unknown): AgentError {
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const meaning = MEANINGS.find(({ of }) => code !== undefined && of.test(code));
  // The code alone, no cause: Node's errors carry bytes that the other side has sent.
  const name = code === undefined ? '' : ` (${code})`;
  if (meaning !== undefined) return new AgentError(meaning.code, `${meaning.message}${name}`);
  return new AgentError('ca-unavailable', `vault cannot be reached${name}: look at VAULT_ADDR, and whether it runs`);
}
