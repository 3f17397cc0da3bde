import { AgentError } from '../core/agent-error.ts';

interface Meaning {
  readonly of: RegExp;
  readonly message: string;
}

const MEANINGS: readonly Meaning[] = [
  {
    of: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    message: 'the certificate of the API server is for another name: look at the host in KUBERNETES_API_SERVER',
  },
  {
    of: /^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/,
    message: 'the certificate of the API server is not to be trusted: look at KUBERNETES_API_CA_FILE',
  },
  { of: /^(EPROTO|ERR_SSL_)/, message: 'no TLS with the API server: look at KUBERNETES_API_SERVER' },
  {
    of: /^(ENOTFOUND|EAI_AGAIN)$/,
    message: 'the host of the API server is not known: look at KUBERNETES_API_SERVER and at DNS',
  },
];

/** Why there is no answer of the API server, from what Node threw. */
export function toConnectionError(thrown: unknown): AgentError {
  // The code alone, no cause: Node's errors carry bytes that the other side has sent.
  const code = errorCodeOf(thrown) ?? '';
  const name = code === '' ? '' : ` (${code})`;
  if (code.startsWith('HPE_')) {
    const message = `what answers is no API server: it does not speak HTTP${name}; look at KUBERNETES_API_SERVER`;
    return new AgentError('kubernetes-answer-invalid', message);
  }
  const meaning = MEANINGS.find(({ of }) => of.test(code));
  if (meaning !== undefined) return new AgentError('kubernetes-unavailable', `${meaning.message}${name}`);
  return new AgentError('kubernetes-unavailable', `the API server cannot be reached${name}`);
}

/** Whether the other side closed an idle connection at the moment when it was used again. */
export function isStaleConnection(thrown: unknown): boolean {
  const code = errorCodeOf(thrown);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function errorCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
