import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSettings } from '../../src/config/load-settings.ts';
import type { Environment } from '../../src/config/process-environment.ts';
import { settingSections, settingsByName } from '../../src/config/sections.ts';
import type { Settings } from '../../src/config/settings.ts';
import { AgentError } from '../../src/core/agent-error.ts';

/** The lines of the error that these settings make. */
function faultsOf(env: Environment, argv: readonly string[] = []): readonly string[] {
  try {
    loadSettings(env, argv);
  } catch (thrown) {
    assert.ok(thrown instanceof AgentError);
    assert.equal(thrown.code, 'settings-invalid');
    const lines = thrown.message.split('\n');
    return lines.length === 1 ? lines : lines.slice(1).map((line) => line.trim());
  }
  return assert.fail('the settings were taken');
}

test('without any setting the defaults are those that the interface promises', () => {
  const expected: Omit<Settings, 'written'> = {
    ca: {
      providers: ['Embedded'],
      address: undefined,
      rootCaFile: undefined,
      serverName: undefined,
      customModule: undefined,
      clusterId: undefined,
      headers: new Map(),
      maxInflight: 8,
      maxPerSecond: 100,
      timeoutMs: 10_000,
    },
    vault: {
      address: undefined,
      role: undefined,
      authPath: 'auth/kubernetes/login',
      signCsrPath: undefined,
      tlsRootCert: undefined,
      namespace: undefined,
    },
    certificates: {
      ttlMs: 86_400_000,
      gracePeriodRatio: 0.5,
      gracePeriodRatioJitter: 0.05,
      key: { algorithm: 'ecdsa', curve: 'P256' },
      pkcs8: true,
      forgetAfterMs: 600_000,
    },
    identity: {
      trustDomain: 'cluster.local',
      sharing: 'service-account',
      verifiers: ['embedded'],
      audiences: ['istio-ca'],
      jwks: undefined,
      issuer: undefined,
      peerAttestation: 'off',
      workloadTokens: 'projected',
      policyFile: undefined,
    },
    kubernetes: { api: undefined, nodeName: undefined },
    sds: {
      socketPath: '/var/run/sds/uds_path',
      socketMode: 0o666,
      socketGid: undefined,
      svidNames: ['default'],
      bundleNames: ['ROOTCA'],
      allBundlesName: 'ALL',
    },
    workloadApi: {
      socketPath: undefined,
      socketMode: 0o666,
      socketGid: undefined,
      identityOfUid: new Map(),
      jwtTtlMs: 300_000,
    },
    fileSecrets: { directories: [] },
    gateway: undefined,
    admin: { socketPath: '/var/run/sds-admin/admin.sock' },
    limits: {
      connectionsPerPeer: 2000,
      streamsPerPeer: 4000,
      newStreamsPerSecond: 50,
      newStreamsBurst: 4000,
      streamsPerIdentity: 10_000,
    },
    monitoring: { address: '0.0.0.0', port: 15_014, debugPort: 8_080 },
    log: { level: 'info', format: undefined },
    stateDir: './.sds-node-agent',
    drainTimeoutMs: 5_000,
  };
  const { written, ...settings } = loadSettings({});
  assert.deepEqual(settings, expected);
  assert.deepEqual([...written.keys()], [...settingsByName.keys()]);
});

test('every setting is kept as it was written, by whichever way it came, and by default', () => {
  const { written } = loadSettings({ CA_ADDR: 'ca.example:15012' }, ['--secret-ttl', '90m']);
  assert.equal(written.get('CA_ADDR'), 'ca.example:15012');
  assert.equal(written.get('SECRET_TTL'), '90m');
  assert.equal(written.get('TRUST_DOMAIN'), 'cluster.local');
});

test('variables that begin with CA_HEADER_ are headers by lower-case name', () => {
  const { headers } = loadSettings({ CA_HEADER_ISTIO_REVISION: 'canary', CA_HEADER_: 'x', CA_HEADERS: 'y' }).ca;
  assert.deepEqual([...headers], [['istio_revision', 'canary']]);
});

test('a setting comes from the environment, and a flag wins over it', () => {
  assert.equal(loadSettings({ SECRET_TTL: '1h' }).certificates.ttlMs, 3_600_000);
  assert.equal(loadSettings({ SECRET_TTL: '1h' }, ['--secret-ttl', '2h']).certificates.ttlMs, 7_200_000);
  assert.equal(loadSettings({ SECRET_TTL: 'nonsense' }, ['--secret-ttl=2h']).certificates.ttlMs, 7_200_000);
});

test('every setting has a flag of its own, a meaning without full stop, and a default that is allowed', () => {
  const entries = settingSections.flatMap(({ settings }) => settings);
  assert.equal(new Set(entries.map(({ flag }) => flag)).size, entries.length);
  assert.equal(settingsByName.size, entries.length);
  for (const { name, flag, meaning, default: initial } of entries) {
    assert.equal(flag, name.toLowerCase().replaceAll('_', '-'));
    assert.match(meaning, /^[^A-Z].*[^.]$/);
    loadSettings({ [name]: initial });
  }
});

test('what is not a setting of ours is left alone', () => {
  loadSettings({ PATH: '/bin', SECRET_TTLL: 'x', NODE_OPTIONS: '' });
});

interface Reading {
  readonly env: Environment;
  readonly read: (settings: Settings) => unknown;
  readonly value: unknown;
}

const USERS = '1000=spiffe://cluster.local/ns/shop/sa/web, 0=spiffe://cluster.local/node';

const READINGS: readonly Reading[] = [
  {
    env: { CA_PROVIDER: 'Citadel, Embedded', CA_ADDR: 'ca:1' },
    read: ({ ca }) => ca.providers,
    value: ['Citadel', 'Embedded'],
  },
  {
    env: { CA_PROVIDER: 'Mine', CUSTOM_CA_MODULE: './mine.js', TOKEN_VERIFIER: 'embedded' },
    read: ({ ca }) => [ca.providers, ca.customModule],
    value: [['Mine'], './mine.js'],
  },
  { env: { CA_ADDR: 'unix:/x' }, read: ({ ca }) => ca.address, value: 'unix:/x' },
  { env: { CA_ADDR: '' }, read: ({ ca }) => ca.address, value: undefined },
  {
    env: { VAULT_TLS_ROOT_CERT: '-----A\\nB\n-----' },
    read: ({ vault }) => vault.tlsRootCert,
    value: '-----A\nB\n-----',
  },
  { env: { SECRET_TTL: '1500.4ms' }, read: ({ certificates }) => certificates.ttlMs, value: 1_500 },
  {
    env: { ECC_SIGNATURE_ALGORITHM: '', WORKLOAD_RSA_KEY_SIZE: '3072' },
    read: ({ certificates }) => certificates.key,
    value: { algorithm: 'rsa', bits: 3072 },
  },
  {
    env: { ECC_CURVE: 'P384' },
    read: ({ certificates }) => certificates.key,
    value: { algorithm: 'ecdsa', curve: 'P384' },
  },
  { env: { PKCS8_KEY: 'F' }, read: ({ certificates }) => certificates.pkcs8, value: false },
  { env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, read: ({ identity }) => identity.verifiers, value: ['kubernetes'] },
  {
    env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', TOKEN_VERIFIER: 'embedded' },
    read: ({ identity }) => identity.verifiers,
    value: ['embedded'],
  },
  { env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, read: ({ identity }) => identity.peerAttestation, value: 'warn' },
  {
    env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', PEER_ATTESTATION: 'off' },
    read: ({ identity }) => identity.peerAttestation,
    value: 'off',
  },
  { env: { PEER_ATTESTATION: 'enforce' }, read: ({ identity }) => identity.peerAttestation, value: 'enforce' },
  {
    env: { TOKEN_VERIFIER: 'jwks,embedded', TOKEN_JWKS: '/etc/jwks.json' },
    read: ({ identity }) => [identity.verifiers, identity.jwks],
    value: [['jwks', 'embedded'], { kind: 'file', path: '/etc/jwks.json' }],
  },
  {
    env: { TOKEN_JWKS: 'https://kubernetes.default.svc/openid/v1/jwks' },
    read: ({ identity }) => identity.jwks,
    value: { kind: 'url', url: 'https://kubernetes.default.svc/openid/v1/jwks' },
  },
  { env: { TOKEN_JWKS: 'http://127.0.0.1:1/k' }, read: ({ identity }) => identity.jwks?.kind, value: 'url' },
  { env: { TOKEN_JWKS: 'http://[::1]/k' }, read: ({ identity }) => identity.jwks?.kind, value: 'url' },
  {
    env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' },
    read: ({ kubernetes }) => kubernetes.api,
    value: {
      server: 'https://10.0.0.1:6443',
      caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    },
  },
  {
    env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', TOKEN_VERIFIER: 'kubernetes,jwks' },
    read: ({ identity }) => [identity.verifiers, identity.jwks],
    value: [['kubernetes', 'jwks'], undefined],
  },
  {
    env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_API_TOKEN_FILE: '/t' },
    read: ({ kubernetes }) => [kubernetes.api?.server, kubernetes.api?.tokenFile],
    value: ['https://[fd00::1]:443', '/t'],
  },
  {
    env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_API_SERVER: 'https://other.test:6443/' },
    read: ({ kubernetes }) => kubernetes.api,
    value: { server: 'https://other.test:6443', caFile: undefined, tokenFile: undefined },
  },
  {
    env: { KUBERNETES_API_SERVER: 'http://127.0.0.1:8001', KUBERNETES_API_CA_FILE: '/ca' },
    read: ({ kubernetes }) => kubernetes.api,
    value: { server: 'http://127.0.0.1:8001', caFile: '/ca', tokenFile: undefined },
  },
  { env: { SDS_UDS_MODE: '660' }, read: ({ sds }) => sds.socketMode, value: 0o660 },
  { env: { SDS_UDS_GID: '1337' }, read: ({ sds }) => sds.socketGid, value: 1337 },
  { env: { SDS_UDS_PATH: `/${'x'.repeat(106)}` }, read: ({ sds }) => sds.socketPath.length, value: 107 },
  {
    env: { SDS_DEFAULT_SVID_NAMES: 'default, kubernetes://web' },
    read: ({ sds }) => sds.svidNames,
    value: ['default', 'kubernetes://web'],
  },
  {
    env: { MONITORING_PORT: '', DEBUG_PORT: '0' },
    read: ({ monitoring }) => [monitoring.port, monitoring.debugPort],
    value: [undefined, 0],
  },
  {
    env: { MONITORING_PORT: '0', DEBUG_PORT: '0', MONITORING_ADDRESS: '::' },
    read: ({ monitoring }) => [monitoring.port, monitoring.debugPort, monitoring.address],
    value: [0, 0, '::'],
  },
  {
    env: { FILE_SECRET_DIRS: '/etc/certs/, /etc/tenants/{namespace}' },
    read: ({ fileSecrets }) => fileSecrets.directories,
    value: ['/etc/certs', '/etc/tenants/{namespace}'],
  },
  {
    env: { GATEWAY_SECRETS_NAMESPACE: 'gateways', KUBERNETES_API_SERVER: 'https://api' },
    read: ({ gateway }) => gateway,
    value: { namespace: 'gateways', socketPath: '/var/run/sds-gateway/uds_path' },
  },
  {
    env: { ADMIN_SOCKET: '/var/run/sds-2/a.sock' },
    read: ({ admin }) => admin.socketPath,
    value: '/var/run/sds-2/a.sock',
  },
  {
    env: { WORKLOAD_API_UDS_PATH: '/var/run/sds/workload.sock', WORKLOAD_API_UIDS: USERS },
    read: ({ workloadApi }) => [workloadApi.socketPath, [...workloadApi.identityOfUid]],
    value: [
      '/var/run/sds/workload.sock',
      [
        [1000, 'spiffe://cluster.local/ns/shop/sa/web'],
        [0, 'spiffe://cluster.local/node'],
      ],
    ],
  },
  { env: { WORKLOAD_API_UDS_MODE: '0600' }, read: ({ workloadApi }) => workloadApi.socketMode, value: 0o600 },
  { env: { WORKLOAD_API_UDS_GID: '7' }, read: ({ workloadApi }) => workloadApi.socketGid, value: 7 },
  { env: { JWT_SVID_TTL: '1m' }, read: ({ workloadApi }) => workloadApi.jwtTtlMs, value: 60_000 },
  {
    env: { LOG_FORMAT: 'text', LOG_LEVEL: 'debug' },
    read: ({ log }) => log,
    value: { level: 'debug', format: 'text' },
  },
];

for (const { env, read, value } of READINGS) {
  test(`${JSON.stringify(env)} is read as ${JSON.stringify(value)}`, () => {
    assert.deepEqual(read(loadSettings(env)), value);
  });
}

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  CA_PROVIDER: ['', 'Embedded,', 'Embedded,Embedded', ','],
  CA_MAX_INFLIGHT: ['', '0', '-1', '1.5', '1e3', '0x10', '1001', 'Infinity'],
  CA_TIMEOUT: ['', '0', '10', '99ms', '11m', '-1s'],
  SECRET_TTL: ['', '0', '999ms', '24', '87601h', '1d', 'forever'],
  SECRET_GRACE_PERIOD_RATIO: ['', '0', '1', '-0.5', '1.5', '50%', '5e-1', 'NaN'],
  SECRET_GRACE_PERIOD_RATIO_JITTER: ['', '1', '-0.1', 'x'],
  ECC_SIGNATURE_ALGORITHM: ['RSA', 'ecdsa', 'ED25519'],
  ECC_CURVE: ['', 'P-256', 'p256', 'P521'],
  WORKLOAD_RSA_KEY_SIZE: ['', '1024', '2047', '2049', '16384', '0', '4096 '],
  PKCS8_KEY: ['', 'yes', 'tRUE'],
  FORGET_AFTER: ['', '25h', '-1m'],
  TRUST_DOMAIN: ['', 'Cluster.local', 'spiffe://cluster.local', 'a b', 'x'.repeat(256)],
  IDENTITY_SHARING: ['', 'pods', 'Pod'],
  TOKEN_VERIFIER: ['none', 'embedded,', 'embedded embedded', 'JWKS'],
  TOKEN_AUDIENCES: ['', ',', 'a,,b', 'a,a'],
  TOKEN_JWKS: [
    'http://example.com/jwks',
    'ftp://x/y',
    'https://',
    'file:///etc/jwks',
    'http://127.0.0.1.evil.com/',
    ' x',
  ],
  SDS_UDS_PATH: ['', `/${'x'.repeat(107)}`, `/${'ü'.repeat(54)}`, '/a\0b'],
  SDS_UDS_MODE: ['', '66', '0o666', '888', '01777', 'rw'],
  SDS_UDS_GID: ['-1', 'root', '4294967295'],
  SDS_DEFAULT_SVID_NAMES: ['', 'default,spiffe://cluster.local/ns/a/sa/b', 'a,a'],
  SDS_DEFAULT_BUNDLE_NAMES: ['', 'a,'],
  SDS_ALL_BUNDLES_NAME: ['', ' ALL', 'spiffe://x'],
  WORKLOAD_API_UDS_PATH: [`/${'x'.repeat(107)}`, '/a\0b'],
  WORKLOAD_API_UDS_MODE: ['', 'rw'],
  WORKLOAD_API_UDS_GID: ['root'],
  WORKLOAD_API_UIDS: [
    '1000',
    'web=spiffe://cluster.local/web',
    '-1=spiffe://cluster.local/web',
    '1000=spiffe://cluster.local',
    '1000=web',
    '1000=spiffe://cluster.local/web,',
  ],
  JWT_SVID_TTL: ['', '9s', '61m'],
  ADMIN_SOCKET: ['', `/${'x'.repeat(107)}`],
  GATEWAY_SECRETS_NAMESPACE: ['Istio', 'istio/system', '-a', 'a_b', 'x'.repeat(64), ' a'],
  GATEWAY_SDS_UDS_PATH: ['', `/${'x'.repeat(107)}`],
  FILE_SECRET_DIRS: [
    '/',
    '//',
    'certs',
    './certs',
    '/etc/certs/../x',
    '/etc//certs',
    '/etc/./certs',
    '/a,',
    '/a,/a',
    '/a\0b',
  ],
  MONITORING_ADDRESS: ['', '256.0.0.1', '1.2.3', 'a b', '-x', 'http://x'],
  MONITORING_PORT: ['-1', '65536', 'http', '1.5'],
  DEBUG_PORT: ['70000', ' 1'],
  LOG_LEVEL: ['', 'INFO', 'trace'],
  LOG_FORMAT: ['xml'],
  WORKLOAD_TOKENS: ['', 'requested'],
  NODE_NAME: [' a'],
  KUBERNETES_API_SERVER: [
    'http://10.0.0.1',
    'kubernetes.default.svc',
    'https://',
    'https://a.test/path',
    'https://user@a.test',
    'https://a.test?x',
  ],
  KUBERNETES_API_CA_FILE: [' '],
  KUBERNETES_API_TOKEN_FILE: [' /x'],
  STATE_DIR: ['', ' '],
  DRAIN_TIMEOUT: ['', '5', '11m'],
};

for (const [name, values] of Object.entries(REFUSED)) {
  for (const value of values) {
    test(`${name} refuses ${JSON.stringify(value.slice(0, 40))}, from the environment and from its flag`, () => {
      const flag = name.toLowerCase().replaceAll('_', '-');
      const [fromEnvironment = '', ...others] = faultsOf({ [name]: value });
      assert.deepEqual(others, []);
      assert.ok(fromEnvironment.startsWith(`${name} is "`), fromEnvironment);
      assert.match(fromEnvironment, /; allowed is \S/);
      assert.ok(faultsOf({}, [`--${flag}=${value}`])[0]?.startsWith(`${name} (--${flag}) is "`));
    });
  }
}

interface Clash {
  readonly env: Environment;
  readonly told: RegExp;
}

const CLASHES: readonly Clash[] = [
  {
    env: { GATEWAY_SECRETS_NAMESPACE: 'istio-system' },
    told: /^GATEWAY_SECRETS_NAMESPACE is set, but this is no cluster, and KUBERNETES_API_SERVER is not set; set it$/,
  },
  ...[
    { GATEWAY_SDS_UDS_PATH: '/var/run/sds/gateway' },
    { GATEWAY_SDS_UDS_PATH: '/var/run/sds/gateway/uds_path' },
    { GATEWAY_SDS_UDS_PATH: '/var/run/uds_path', ADMIN_SOCKET: '/run/admin/a' },
    { GATEWAY_SDS_UDS_PATH: '/w/g', WORKLOAD_API_UDS_PATH: '/w/api', WORKLOAD_API_UIDS: '1=spiffe://cluster.local/a' },
  ].map((env) => ({
    env: { GATEWAY_SECRETS_NAMESPACE: 'gateways', KUBERNETES_API_SERVER: 'https://api', ...env },
    told: /^GATEWAY_SDS_UDS_PATH is "[^"]+", and \w+ is "[^"]+": one directory is the other, or in it/,
  })),
  {
    env: {
      GATEWAY_SECRETS_NAMESPACE: 'gateways',
      KUBERNETES_API_SERVER: 'https://api',
      ADMIN_SOCKET: '/var/run/sds-gateway/a',
    },
    told: /^ADMIN_SOCKET is "[^"]+", in or below the directory of GATEWAY_SDS_UDS_PATH/,
  },
  ...[
    { FILE_SECRET_DIRS: '/etc/certs,/var/lib/agent', STATE_DIR: '/var/lib/agent' },
    { FILE_SECRET_DIRS: '/var/lib', STATE_DIR: '/var/lib/agent' },
    { FILE_SECRET_DIRS: '/var/lib/agent/served', STATE_DIR: '/var/lib/agent/' },
    { FILE_SECRET_DIRS: '/var/lib/{namespace}', STATE_DIR: '/var/lib/agent' },
  ].map((env) => ({ env, told: /^FILE_SECRET_DIRS has "\/[^"]+", which STATE_DIR \("[^"]+"\) is in/ })),
  {
    env: { CA_PROVIDER: 'Embeded' },
    told: /CA_PROVIDER names "Embeded" \(did you mean Embedded\?\); there are Embedded, Citadel, VaultCA, Custom/,
  },
  { env: { CA_PROVIDER: 'Embedded,Mine' }, told: /CA_PROVIDER names "Mine"; .*CUSTOM_CA_MODULE/ },
  { env: { CA_PROVIDER: 'Citadel', CA_ADDR: 'ca:1' }, told: /^TOKEN_VERIFIER is not set/ },
  { env: { CA_PROVIDER: 'Citadel,Embedded' }, told: /^CA_ADDR is not set, and CA_PROVIDER Citadel needs it$/ },
  { env: { TOKEN_VERIFIER: 'jwks' }, told: /^TOKEN_JWKS is not set/ },
  {
    env: { WORKLOAD_TOKENS: 'request', NODE_NAME: 'a', PEER_ATTESTATION: 'warn' },
    told: /^WORKLOAD_TOKENS is request, but .*KUBERNETES_API_SERVER/,
  },
  {
    env: { WORKLOAD_TOKENS: 'request', KUBERNETES_SERVICE_HOST: '10.0.0.1' },
    told: /^WORKLOAD_TOKENS is request, but NODE_NAME is not set/,
  },
  {
    env: { WORKLOAD_TOKENS: 'request', KUBERNETES_SERVICE_HOST: '10.0.0.1', NODE_NAME: 'a', PEER_ATTESTATION: 'off' },
    told: /^WORKLOAD_TOKENS is request, but PEER_ATTESTATION is off/,
  },
  { env: { TOKEN_VERIFIER: 'kubernetes' }, told: /^TOKEN_VERIFIER has kubernetes, .*KUBERNETES_API_SERVER is not set/ },
  { env: { SDS_DEFAULT_SVID_NAMES: 'default,ROOTCA' }, told: /"ROOTCA" is in two/ },
  { env: { SDS_ALL_BUNDLES_NAME: 'default' }, told: /"default" is in two/ },
  {
    env: { ADMIN_SOCKET: '/var/run/sds/admin.sock' },
    told: /ADMIN_SOCKET is .* in or below the directory of SDS_UDS_PATH/,
  },
  { env: { ADMIN_SOCKET: '/var/run/x/../sds/./a.sock' }, told: /in or below the directory of SDS_UDS_PATH/ },
  { env: { ADMIN_SOCKET: '/var/run/sds/..a.sock' }, told: /in or below the directory of SDS_UDS_PATH/ },
  { env: { ADMIN_SOCKET: '/var/run/sds/admin/deep/a.sock' }, told: /in or below the directory of SDS_UDS_PATH/ },
  { env: { ADMIN_SOCKET: 'admin.sock', SDS_UDS_PATH: 'sds.sock' }, told: /in or below the directory of SDS_UDS_PATH/ },
  {
    env: { WORKLOAD_API_UDS_PATH: '/var/run/sds/workload.sock' },
    told: /WORKLOAD_API_UDS_PATH is set, but nothing says who connects; set WORKLOAD_TOKENS=request .*WORKLOAD_API_UIDS/,
  },
  {
    env: { WORKLOAD_API_UDS_PATH: '/var/run/sds/./uds_path', WORKLOAD_API_UIDS: USERS },
    told: /WORKLOAD_API_UDS_PATH and SDS_UDS_PATH are both/,
  },
  {
    env: { WORKLOAD_API_UDS_PATH: '/w/workload.sock', WORKLOAD_API_UIDS: USERS, ADMIN_SOCKET: '/w/admin.sock' },
    told: /ADMIN_SOCKET is .* in or below the directory of WORKLOAD_API_UDS_PATH/,
  },
  {
    env: { WORKLOAD_API_UIDS: USERS, KUBERNETES_SERVICE_HOST: '10.0.0.1' },
    told: /WORKLOAD_API_UIDS is set in a Kubernetes cluster/,
  },
  {
    env: { WORKLOAD_API_UIDS: USERS, CA_PROVIDER: 'Embedded,Citadel', CA_ADDR: 'ca:1' },
    told: /WORKLOAD_API_UIDS is set, but users have no token/,
  },
  {
    env: { WORKLOAD_API_UIDS: USERS, TRUST_DOMAIN: 'example.org' },
    told: /WORKLOAD_API_UIDS has "spiffe:\/\/cluster.local.*not of TRUST_DOMAIN \(example.org\)/,
  },
  {
    env: {
      WORKLOAD_API_UIDS: USERS,
      WORKLOAD_TOKENS: 'request',
      KUBERNETES_API_SERVER: 'https://10.0.0.1',
      NODE_NAME: 'node-1',
      PEER_ATTESTATION: 'enforce',
    },
    told: /WORKLOAD_API_UIDS is set, and WORKLOAD_TOKENS is request; .*: remove one/,
  },
  { env: { WORKLOAD_API_UIDS: `${USERS},0=spiffe://cluster.local/a` }, told: /has the user id 0 twice/ },
  { env: { MONITORING_PORT: '8080' }, told: /MONITORING_PORT and DEBUG_PORT are both 8080/ },
];

for (const { env, told } of CLASHES) {
  test(`${JSON.stringify(env)} does not go together`, () => {
    const faults = faultsOf(env);
    assert.equal(faults.length, 1, faults.join('\n'));
    assert.match(faults[0] ?? '', told);
  });
}

test('all faults are told at once, each on a line, whatever their kind', () => {
  const faults = faultsOf(
    { SECRET_TTL: '5x', LOG_LEVEL: 'loud', MONITORING_PORT: '8080', SDS_ALL_BUNDLES_NAME: 'ROOTCA' },
    ['--secret-tll', '1h', 'stray', '--pkcs8-key=maybe'],
  );
  assert.deepEqual(
    faults.map((fault) => fault.slice(0, 20)),
    [
      'unknown flag "--secr',
      'unexpected argument ',
      'SECRET_TTL is "5x"; ',
      'PKCS8_KEY (--pkcs8-k',
      'LOG_LEVEL is "loud";',
      '"ROOTCA" is in two o',
      'MONITORING_PORT and ',
    ],
  );
});

test('a clash with a value that is wrong anyway is not told', () => {
  // The default of DEBUG_PORT, which stands in for the wrong value, would clash.
  const faults = faultsOf({ MONITORING_PORT: '8080', DEBUG_PORT: 'x' });
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /^DEBUG_PORT is "x"/);
});

test('a value cannot break a line or a terminal, nor fill a screen', () => {
  const [fault = '', ...others] = faultsOf({ LOG_LEVEL: `\u001b[2J\n\u202e${'x'.repeat(10_000)}` });
  assert.deepEqual(others, []);
  assert.ok(fault.length < 250, fault);
  for (const character of ['\u001b', '\n', '\u202e']) assert.ok(!fault.includes(character), fault);
});

test('the password of a URL is not repeated', () => {
  const [fault = ''] = faultsOf({ TOKEN_JWKS: 'https://user:hunter2@issuer.test/jwks' });
  assert.doesNotMatch(fault, /hunter2|user/);
  assert.match(fault, /issuer\.test/);
});
