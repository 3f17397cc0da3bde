import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CaProviderSettings } from '../../src/ca-providers/provider-settings.ts';
import { createVaultProvider } from '../../src/ca-providers/vault/create-vault-provider.ts';
import { parseVaultOptions } from '../../src/ca-providers/vault/vault-options.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { createLoopbackCertificate } from '../identity/loopback-certificate.ts';

const GOOD: CaProviderSettings['vault'] = {
  address: 'https://vault.example.com:8200',
  role: 'workload',
  authPath: 'auth/kubernetes/login',
  signCsrPath: 'istio_ca/sign/workload',
  tlsRootCert: undefined,
  namespace: undefined,
};

test('everything that is missing is named at once', () => {
  assert.throws(() => parseVaultOptions(loadSettings({})), {
    code: 'settings-invalid',
    message: 'CA_PROVIDER VaultCA: VAULT_ADDR is not set; VAULT_ROLE is not set; VAULT_SIGN_CSR_PATH is not set',
  });
});

const FAULTS: readonly (readonly [Partial<CaProviderSettings['vault']>, RegExp])[] = [
  [{ address: 'vault.example.com:8200' }, /VAULT_ADDR is "vault.example.com:8200": it must be a URL/],
  [{ address: 'ftp://vault' }, /VAULT_ADDR .* must be a URL/],
  [{ address: 'https://root:hunter2@vault' }, /VAULT_ADDR has a user name or password(?!.*hunter2)/],
  [{ address: 'https://vault/?x=1' }, /VAULT_ADDR .* query/],
  [{ authPath: 'auth//login' }, /VAULT_AUTH_PATH is "auth\/\/login"/],
  [{ authPath: 'auth/../sys' }, /VAULT_AUTH_PATH/],
  [{ signCsrPath: 'istio_ca' }, /VAULT_SIGN_CSR_PATH is "istio_ca": it must be <mount>\/sign\/<role>/],
  [{ signCsrPath: 'sign/workload' }, /VAULT_SIGN_CSR_PATH/],
  [{ namespace: 'a b' }, /VAULT_NAMESPACE is "a b"/],
  [{ namespace: 'a\r\nX-Vault-Token: b' }, /VAULT_NAMESPACE/],
  [{ tlsRootCert: '/etc/ssl/vault.pem' }, /VAULT_TLS_ROOT_CERT is not PEM .*not a path/],
  [{ tlsRootCert: '-----BEGIN CERTIFICATE-----' }, /VAULT_TLS_ROOT_CERT is not PEM/],
  [{ address: 'vault', role: undefined, authPath: '/' }, /VAULT_ADDR .*; VAULT_ROLE is not set; VAULT_AUTH_PATH/],
];

for (const [wrong, message] of FAULTS) {
  test(`refused: ${JSON.stringify(wrong)}`, () => {
    assert.throws(() => parseVaultOptions({ vault: { ...GOOD, ...wrong } }), { code: 'settings-invalid', message });
  });
}

for (const [signCsrPath, mount] of [
  ['istio_ca/sign/workload', 'istio_ca'],
  ['/istio_ca/sign/workload/', 'istio_ca'],
  ['team/pki/sign/workload', 'team/pki'],
  ['pki/issuer/2026/sign/workload', 'pki'],
  ['pki/sign-verbatim/workload', 'pki'],
  ['pki?x/sign/a b', 'pki%3Fx'],
] as const) {
  test(`the mount of ${signCsrPath} is ${mount}`, () => {
    const options = parseVaultOptions({ vault: { ...GOOD, signCsrPath } });
    assert.equal(options.caChainPath, `${mount}/ca_chain`);
    assert.equal(options.caPemPath, `${mount}/ca/pem`);
  });
}

test('an address may have a path, as behind a proxy', () => {
  const { address } = parseVaultOptions({ vault: { ...GOOD, address: 'https://proxy/vault/' } });
  assert.equal(address, 'https://proxy/vault');
});

test('the PEM of VAULT_TLS_ROOT_CERT may have its line breaks written as \\n', async () => {
  const { cert } = await createLoopbackCertificate();
  const { vault } = loadSettings({ VAULT_TLS_ROOT_CERT: cert.trim().replaceAll('\n', '\\n') });
  const { tlsRoots } = parseVaultOptions({ vault: { ...GOOD, tlsRootCert: vault.tlsRootCert } });
  assert.equal(tlsRoots, cert.trim());
});

for (const [address, warns] of [
  ['http://vault.example.com:8200', true],
  ['http://127.0.0.1:8200', false],
  ['http://localhost:8200', false],
  ['http://[::1]:8200', false],
  ['https://vault.example.com:8200', false],
] as const) {
  test(`${address} ${warns ? 'is' : 'is not'} warned of`, () => {
    const log = new RecordingLog();
    createVaultProvider({ vault: { ...GOOD, address }, clock: new FakeClock(), log });
    assert.equal(log.events.filter(({ level }) => level === 'warn').length, warns ? 1 : 0);
  });
}
