import { AgentError, type ErrorCode, quoteUntrusted } from '../../core/agent-error.ts';
import type { VaultAnswer } from './vault-client.ts';

/** What was asked of Vault. */
export type VaultOperation = 'login' | 'sign' | 'chain';

interface Refusal {
  /** Left out: whatever was asked. */
  readonly during?: VaultOperation;
  readonly status: readonly number[];
  /** In the reasons; left out: any, also none. */
  readonly saying?: RegExp;
  readonly code: ErrorCode;
  readonly what: string;
  readonly remedy: string;
}

/**
 * What Vault's answers mean, and which setting to look at. The first that fits counts. Statuses and words are those
 * of Vault's API and of its PKI, Kubernetes and JWT engines, which OpenBao shares.
 */
const REFUSALS: readonly Refusal[] = [
  {
    status: [429],
    code: 'ca-overloaded',
    what: 'vault asks to come back later',
    remedy: 'look at its rate limit quotas, or lower CA_MAX_INFLIGHT',
  },
  {
    status: [500, 503],
    saying: /\bsealed\b/i,
    code: 'ca-unavailable',
    what: 'vault is sealed',
    remedy: 'unseal it',
  },
  {
    // 472 and 473 are those of standbys that serve no requests.
    status: [472, 473],
    code: 'ca-unavailable',
    what: 'this vault is a standby',
    remedy: 'let VAULT_ADDR lead to the active node',
  },
  {
    status: [400, 500, 503],
    saying: /node not active|active (cluster )?node not found|standby|DR secondary/i,
    code: 'ca-unavailable',
    what: 'this vault is a standby that knows no active node',
    remedy: 'look at the cluster, or let VAULT_ADDR lead to its active node',
  },
  {
    status: [404],
    saying: /namespace/i,
    code: 'ca-request-refused',
    what: 'vault does not know the namespace',
    remedy: 'look at VAULT_NAMESPACE',
  },
  {
    during: 'login',
    status: [400, 403, 404],
    saying: /invalid role name|role .*(could not be found|not found|does not exist)|unknown role/i,
    code: 'ca-permission-denied',
    what: 'vault does not know the role to log in with',
    remedy: 'look at VAULT_ROLE, and at the auth method in VAULT_AUTH_PATH',
  },
  {
    during: 'login',
    status: [400, 403],
    saying: /(service account name|namespace|service account) not authorized/i,
    code: 'ca-permission-denied',
    what: 'vault does not let this workload use the role',
    remedy: 'look at what the role in VAULT_ROLE is bound to',
  },
  {
    during: 'login',
    status: [404, 405],
    code: 'ca-request-refused',
    what: 'vault has no login there',
    remedy: 'look at VAULT_AUTH_PATH and VAULT_NAMESPACE',
  },
  {
    during: 'login',
    status: [400, 401, 403],
    saying: /missing client token/i,
    code: 'ca-request-refused',
    what: 'vault has no login there',
    remedy: 'look at VAULT_AUTH_PATH and VAULT_NAMESPACE',
  },
  {
    // A path without an auth method is 403 as well: who has no token may not know what exists.
    during: 'login',
    status: [401, 403],
    code: 'ca-token-rejected',
    what: 'vault refuses the login',
    remedy: 'look at what VAULT_ROLE demands of tokens, and whether VAULT_AUTH_PATH and VAULT_NAMESPACE are right',
  },
  {
    during: 'login',
    status: [400],
    code: 'ca-token-rejected',
    what: 'vault does not accept the token of the workload',
    remedy: 'compare its audience and issuer with those of the auth method in VAULT_AUTH_PATH and of VAULT_ROLE',
  },
  {
    during: 'sign',
    status: [401, 403],
    code: 'ca-permission-denied',
    what: 'vault does not let this workload sign',
    remedy: 'look at the policies of VAULT_ROLE: they must allow update of VAULT_SIGN_CSR_PATH',
  },
  {
    during: 'sign',
    status: [404, 405],
    code: 'ca-request-refused',
    what: 'vault signs nothing there',
    remedy: 'look at VAULT_SIGN_CSR_PATH and VAULT_NAMESPACE',
  },
  {
    during: 'sign',
    status: [400],
    saying: /unknown role/i,
    code: 'ca-request-refused',
    what: 'vault does not know the role to sign with',
    remedy: 'look at the end of VAULT_SIGN_CSR_PATH',
  },
  {
    during: 'sign',
    status: [400, 413],
    code: 'ca-request-refused',
    what: 'vault refuses the request',
    remedy: 'compare the role in VAULT_SIGN_CSR_PATH (allowed_uri_sans, key_type, max_ttl) with ECC_* and SECRET_TTL',
  },
  {
    // Without a token a mount that is not there is forbidden, not missing.
    during: 'chain',
    status: [400, 401, 403, 404, 405],
    code: 'ca-request-refused',
    what: 'vault does not give the certificates of its CA',
    remedy: 'look at the mount in VAULT_SIGN_CSR_PATH and at VAULT_NAMESPACE',
  },
];

const ASKED = {
  login: 'the login',
  sign: 'the request to sign',
  chain: 'the request for its certificates',
} satisfies Record<VaultOperation, string>;

/** The error that an answer means which is not what was asked for. */
export function toRefusal(operation: VaultOperation, answer: VaultAnswer): AgentError {
  const { status, reasons, retryAfterMs, redirectHost } = answer;
  const details = { retryAfterMs };
  if (status >= 300 && status < 400) return redirected(redirectHost);
  // A proxy on the way answers in its own words: what it refuses says nothing about roles and policies.
  const isVault = reasons !== undefined || status === 429;
  const said = reasons === undefined || reasons.words === '' ? '' : ` (${reasons.quoted})`;
  const found = isVault ? REFUSALS.find((refusal) => fits(refusal, operation, answer)) : undefined;
  if (found !== undefined) {
    return new AgentError(found.code, `${found.what}${said}: ${found.remedy}`, details);
  }
  const answered = `vault answered ${ASKED[operation]} with status ${status}`;
  if (status >= 500) return new AgentError('ca-unavailable', `${answered}${said}: look at its log`, details);
  return new AgentError('ca-answer-invalid', `${answered}, and not in its own way: look at VAULT_ADDR`);
}

function fits({ during, status, saying }: Refusal, operation: VaultOperation, answer: VaultAnswer): boolean {
  if (during !== undefined && during !== operation) return false;
  return status.includes(answer.status) && (saying === undefined || saying.test(answer.reasons?.words ?? ''));
}

/** A standby that may not forward requests sends its callers to the active node. */
function redirected(host: string | undefined): AgentError {
  const where = host === undefined ? 'elsewhere' : `to ${quoteUntrusted(host)}`;
  return new AgentError(
    'ca-unavailable',
    `vault redirects ${where}, which is not followed with a token: let VAULT_ADDR lead to the active node`,
  );
}
