import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import { parsePem } from '../../keys/pem.ts';
import type { CaProviderSettings } from '../provider-settings.ts';

/** The settings of Vault, checked. Paths are below `/v1/`, ready for a URL. */
export interface VaultOptions {
  /** Origin and, behind some proxies, a path; without a slash at the end. */
  readonly address: string;
  /** Whether tokens would cross a network in clear text. */
  readonly clearText: boolean;
  readonly role: string;
  readonly authPath: string;
  readonly signCsrPath: string;
  /** Where the mount that signs gives its own certificates. */
  readonly caChainPath: string;
  readonly caPemPath: string;
  readonly namespace: string | undefined;
  /** PEM of the roots that verify the server; undefined: Node's own. */
  readonly tlsRoots: string | undefined;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
/** `<mount>/sign/<role>`, also with `/issuer/<name>` before it, and `sign-verbatim`. */
const SIGN_PATH = /^(.+?)(?:\/issuer\/[^/]+)?\/sign(?:-verbatim)?\/[^/]+$/;

/**
 * Checks what Vault needs.
 *
 * @throws AgentError `settings-invalid`, listing everything that is missing or wrong
 */
export function parseVaultOptions({ vault }: Pick<CaProviderSettings, 'vault'>): VaultOptions {
  const faults: string[] = [];
  const read = <T>(name: string, text: string | undefined, parse: (text: string) => T): T | undefined => {
    try {
      return text === undefined ? undefined : parse(text);
    } catch (thrown) {
      if (!(thrown instanceof AgentError)) throw thrown;
      faults.push(`${name} ${thrown.message}`);
      return undefined;
    }
  };
  const need = <T>(name: string, text: string | undefined, parse: (text: string) => T): T | undefined => {
    if (text === undefined) faults.push(`${name} is not set`);
    return read(name, text, parse);
  };
  const server = need('VAULT_ADDR', vault.address, parseAddress);
  const role = need('VAULT_ROLE', vault.role, (text) => text);
  const authPath = need('VAULT_AUTH_PATH', vault.authPath, parsePath);
  const sign = need('VAULT_SIGN_CSR_PATH', vault.signCsrPath, parseSignPath);
  const namespace = read('VAULT_NAMESPACE', vault.namespace, parseNamespace);
  const tlsRoots = read('VAULT_TLS_ROOT_CERT', vault.tlsRootCert, parseTlsRoots);
  if (faults.length > 0 || !server || role === undefined || authPath === undefined || !sign) {
    throw invalid(`CA_PROVIDER VaultCA: ${faults.join('; ')}`);
  }
  return { ...server, ...sign, role, authPath, namespace, tlsRoots };
}

function parseAddress(text: string): Pick<VaultOptions, 'address' | 'clearText'> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw invalid(`is ${quoteUntrusted(text)}: it must be a URL such as https://vault.example.com:8200`);
  }
  // Not shown, because what stands there may be a password.
  if (url.username !== '' || url.password !== '') {
    throw invalid('has a user name or password: leave them out, workloads log in with their own tokens');
  }
  if (url.search !== '' || url.hash !== '') {
    throw invalid(`is ${quoteUntrusted(text)}: it must not have a query or fragment`);
  }
  return {
    address: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    clearText: url.protocol === 'http:' && !LOOPBACK.test(url.hostname),
  };
}

function parsePath(text: string): string {
  const segments = text.replace(/^\/|\/$/g, '').split('/');
  if (segments.some((segment) => ['', '.', '..'].includes(segment))) {
    throw invalid(`is ${quoteUntrusted(text)}: it must be a path such as auth/kubernetes/login`);
  }
  return segments.map(encodeURIComponent).join('/');
}

function parseSignPath(text: string): Pick<VaultOptions, 'signCsrPath' | 'caChainPath' | 'caPemPath'> {
  const signCsrPath = parsePath(text);
  const [, mount] = SIGN_PATH.exec(signCsrPath) ?? [];
  if (mount === undefined) throw invalid(`is ${quoteUntrusted(text)}: it must be <mount>/sign/<role>`);
  return { signCsrPath, caChainPath: `${mount}/ca_chain`, caPemPath: `${mount}/ca/pem` };
}

function parseNamespace(text: string): string {
  // A header takes no other characters.
  if (!/^[\x21-\x7e]+$/.test(text)) throw invalid(`is ${quoteUntrusted(text)}: it must be visible ASCII characters`);
  return text;
}

function parseTlsRoots(text: string): string {
  try {
    parsePem(text, 'CERTIFICATE');
    return text;
  } catch (thrown) {
    if (!(thrown instanceof AgentError)) throw thrown;
    throw invalid(`is ${thrown.message}: it must hold the certificates themselves, not a path`);
  }
}

function invalid(message: string): AgentError {
  return new AgentError('settings-invalid', message);
}
