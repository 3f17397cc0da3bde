import type { z } from 'zod';
import { setting } from './setting.ts';
import type { VaultSettings } from './settings.ts';
import { orEmpty, text } from './value-kind.ts';

/** The schema of the section "Vault". */
export const vaultShape = {
  VAULT_ADDR: setting(orEmpty(text('a URL, https but for loopback and tests')), '', "the server's address"),
  VAULT_ROLE: setting(orEmpty(text("a role's name")), '', 'the role to log in with'),
  VAULT_AUTH_PATH: setting(text('a path'), 'auth/kubernetes/login', 'where to log in with a token'),
  VAULT_SIGN_CSR_PATH: setting(
    orEmpty(text('a path, such as `istio_ca/sign/workload`')),
    '',
    'where certificates are signed',
  ),
  VAULT_TLS_ROOT_CERT: setting(
    orEmpty(text('PEM, its line breaks real or written `\\n`')),
    '',
    "the roots that verify the server's certificate",
  ),
  VAULT_NAMESPACE: setting(orEmpty(text("a namespace's name")), '', 'the namespace that all paths are in'),
};

type Values = z.output<z.ZodObject<typeof vaultShape>>;

export function toVaultSettings(values: Values): VaultSettings {
  return {
    address: values.VAULT_ADDR,
    role: values.VAULT_ROLE,
    authPath: values.VAULT_AUTH_PATH,
    signCsrPath: values.VAULT_SIGN_CSR_PATH,
    tlsRootCert: values.VAULT_TLS_ROOT_CERT?.replaceAll('\\n', '\n'),
    namespace: values.VAULT_NAMESPACE,
  };
}
