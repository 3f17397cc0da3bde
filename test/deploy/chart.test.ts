import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { inCheckout } from './harness/checkout.ts';
import { WITHOUT_HELM } from './harness/deploy-tools.ts';
import { environmentOf, type Manifest, onlyPodSpec, type PodSpec, parseManifests } from './harness/manifests.ts';
import { type Rendered, renderAll } from './harness/render-chart.ts';

const VAULT = { VAULT_ADDR: 'https://vault:8200', VAULT_ROLE: 'istio-cert', VAULT_SIGN_CSR_PATH: 'istio_ca/sign/role' };

/** As they stand in the examples of Istio 1.1 to 1.4, names that mean nothing and a boolean included. */
const ISTIO_VAULT = `
global:
  controlPlaneSecurityEnabled: false
  mtls:
    enabled: true
  sds:
    enabled: true
    udsPath: "unix:/var/run/sds/uds_path"
    useNormalJwt: true
nodeagent:
  enabled: true
  image: node-agent-k8s
  env:
    CA_ADDR: "https://192.0.2.1:8200"
    CA_PROVIDER: "VaultCA"
    VALID_TOKEN: true
    VAULT_ADDR: "https://192.0.2.1:8200"
    VAULT_AUTH_PATH: "auth/kubernetes/login"
    VAULT_ROLE: "istio-cert"
    VAULT_SIGN_CSR_PATH: "istio_ca/sign/istio-pki-role"
    VAULT_TLS_ROOT_CERT: '-----BEGIN CERTIFICATE-----\\nMIIC\\n-----END CERTIFICATE-----'
`;
const ISTIO_CITADEL = `
global:
  trustDomain: example.org
  sds:
    enabled: true
    udsPath: "unix:/var/run/other/uds_path"
    token:
      aud: "istio-ca"
nodeagent:
  enabled: true
  image: node-agent-k8s
  sdsudspath: ""
  nodeSelector: {pool: mesh}
  env:
    CA_PROVIDER: "Citadel"
    CA_ADDR: "istio-citadel:8060"
    VALID_TOKEN: true
`;

const CASES = {
  default: {},
  istiod: { preset: 'istiod' },
  'istio-csr': { preset: 'istio-csr', caRoot: { configMap: 'roots', key: 'ca.pem' } },
  vault: { preset: 'vault', settings: VAULT },
  embedded: { preset: 'embedded' },
  custom: { preset: 'custom', settings: { CA_PROVIDER: 'Custom', CUSTOM_CA_MODULE: '/ca/mine.mjs' } },
  istioVault: parse(ISTIO_VAULT),
  istioCitadel: parse(ISTIO_CITADEL),
  istioOff: { nodeagent: { enabled: false, image: 'node-agent-k8s', env: { CA_ADDR: '' } } },
  istioImage: { nodeagent: { enabled: true, image: 'registry.example/mirror/agent:1', env: { CA_ADDR: '' } } },
  numbers: { settings: { CA_MAX_RPS: 100000, SECRET_GRACE_PERIOD_RATIO: 0.4, PKCS8_KEY: false } },
  sockets: { settings: { WORKLOAD_API_UDS_PATH: '/var/run/spiffe/api.sock' } },
  tokenless: { tokenless: true },
  gateway: { gatewaySecrets: { namespace: 'istio-system' } },
  monitoring: { settings: { MONITORING_PORT: 15099 }, prometheusRule: { enabled: true, labels: { release: 'kps' } } },
  misspeltValue: { tolerationz: [] },
  misspeltSetting: { settings: { SECRET_TLL: '1h' } },
  wrongType: { hostPID: 'yes' },
  unknownPreset: { preset: 'citadel' },
  vaultWithoutAddress: { preset: 'vault', settings: { VAULT_ROLE: 'r', VAULT_SIGN_CSR_PATH: 'p' } },
  customWithoutProvider: { preset: 'custom' },
  istioGoogle: { nodeagent: { enabled: true, env: { CA_PROVIDER: 'GoogleCA' } } },
  istioPlugin: { nodeagent: { enabled: true, env: { CA_PROVIDER: 'Citadel', PLUGINS: 'GoogleTokenExchange' } } },
} satisfies Record<string, object>;

type Case = keyof typeof CASES;

describe('the chart', { skip: WITHOUT_HELM }, () => {
  const results = new Map<string, Rendered>();
  let lint: readonly string[] = ['not linted'];
  before(async () => {
    const all = await renderAll(Object.values(CASES));
    lint = all.lint;
    Object.keys(CASES).forEach((name, index) => {
      const result = all.rendered[index];
      if (result !== undefined) results.set(name, result);
    });
  });

  const resultOf = (name: Case): Rendered => results.get(name) ?? assert.fail(`${name} was not rendered`);
  const objectsOf = (name: Case): readonly Manifest[] => {
    const result = resultOf(name);
    return result.error === undefined ? result.objects : assert.fail(result.error);
  };
  const agentOf = (name: Case): PodSpec => onlyPodSpec(objectsOf(name), 'DaemonSet');
  const settingsOf = (name: Case): Readonly<Record<string, string>> => {
    const [agent] = agentOf(name).containers;
    return agent === undefined ? assert.fail() : environmentOf(agent);
  };
  const kindsOf = (name: Case): readonly string[] => objectsOf(name).map(({ kind }) => kind);

  test('passes the linter without a warning', () => {
    assert.deepEqual(lint, []);
  });

  test('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(inCheckout('package.json'), 'utf8'));
    const chart = parse(readFileSync(inCheckout('deploy/chart/Chart.yaml'), 'utf8'));
    assert.deepEqual([chart.version, chart.appVersion], [version, version]);
    assert.match(readFileSync(inCheckout('deploy/Kustomization'), 'utf8'), new RegExp(`newTag: ${version}\n`));
  });

  const presets = [
    ['default', 'Citadel', 'sds-node-agent-ca.sds-node-agent.svc:15012', 'sds-node-agent-ca-root'],
    ['istiod', 'Citadel', 'istiod.istio-system.svc:15012', 'istio-ca-root-cert'],
    ['istio-csr', 'Citadel', 'cert-manager-istio-csr.cert-manager.svc:443', 'roots'],
    ['vault', 'VaultCA', undefined, undefined],
    ['embedded', 'Embedded', undefined, undefined],
    ['custom', 'Custom', undefined, undefined],
    ['istioVault', 'VaultCA', 'https://192.0.2.1:8200', undefined],
    ['istioCitadel', 'Citadel', 'istio-citadel:8060', 'istio-ca-root-cert'],
  ] as const;
  for (const [name, provider, address, configMap] of presets) {
    test(`${name}: the CA is ${provider}${address === undefined ? '' : ` at ${address}`}`, () => {
      const { CA_PROVIDER, CA_ADDR, CA_ROOT_CA } = settingsOf(name);
      assert.deepEqual([CA_PROVIDER, CA_ADDR], [provider, address]);
      const volume = agentOf(name).volumes.find((each) => each.configMap !== undefined);
      assert.equal(volume?.configMap?.name, configMap);
      assert.equal(CA_ROOT_CA !== undefined, configMap !== undefined);
      assert.equal(kindsOf(name).includes('Deployment'), name === 'default');
    });
  }

  test('a CA for the cluster has the names that the agents call it by, and the trust domain that they have', () => {
    const [ca] = onlyPodSpec(objectsOf('default'), 'Deployment').containers;
    const { CA_ADDR = '' } = settingsOf('default');
    const host = CA_ADDR.replace(/:\d+$/, '');
    const names = ca?.args?.find((arg) => arg.startsWith('--dns='));
    assert.ok(names?.replace('--dns=', '').split(',').includes(host), names);
  });

  test("Istio's values say what they always said, and names without a meaning are told and left out", () => {
    const { TRUST_DOMAIN, TOKEN_AUDIENCES, SDS_UDS_PATH, VALID_TOKEN } = settingsOf('istioCitadel');
    assert.deepEqual(
      { TRUST_DOMAIN, TOKEN_AUDIENCES, SDS_UDS_PATH, VALID_TOKEN },
      {
        TRUST_DOMAIN: 'example.org',
        TOKEN_AUDIENCES: 'istio-ca',
        SDS_UDS_PATH: '/var/run/other/uds_path',
        VALID_TOKEN: undefined,
      },
    );
    assert.equal(agentOf('istioCitadel').volumes[0]?.hostPath?.path, '/var/run/other');
    const { VAULT_TLS_ROOT_CERT } = settingsOf('istioVault');
    assert.equal(VAULT_TLS_ROOT_CERT, '-----BEGIN CERTIFICATE-----\\nMIIC\\n-----END CERTIFICATE-----');
    const result = resultOf('istioVault');
    assert.match(result.error ?? result.notes, /nodeagent\.env\.VALID_TOKEN means nothing/);
    assert.match(result.error ?? result.notes, /useNormalJwt: .*TOKEN_AUDIENCES/s);
  });

  test("Istio's own image is replaced by this one, another one is taken", () => {
    assert.match(agentOf('istioVault').containers[0]?.image ?? '', /^sds-node-agent:\d/);
    assert.equal(agentOf('istioImage').containers[0]?.image, 'registry.example/mirror/agent:1');
  });

  test("Istio's values that switch the node agent off install nothing", () => {
    assert.deepEqual(objectsOf('istioOff'), []);
  });

  test('numbers and booleans of settings arrive as they were written', () => {
    const { CA_MAX_RPS, SECRET_GRACE_PERIOD_RATIO, PKCS8_KEY } = settingsOf('numbers');
    assert.deepEqual([CA_MAX_RPS, SECRET_GRACE_PERIOD_RATIO, PKCS8_KEY], ['100000', '0.4', 'false']);
  });

  test('each socket has its directory of the node, which the agent is made the owner of', () => {
    const { volumes, initContainers } = agentOf('sockets');
    const directories = volumes.flatMap(({ hostPath }) => hostPath?.path ?? []);
    assert.deepEqual(directories, ['/var/run/sds', '/var/run/spiffe']);
    assert.deepEqual(initContainers?.[0]?.args, ['15014', '0755:/var/run/sds', '0755:/var/run/spiffe']);
    assert.deepEqual(agentOf('embedded').initContainers?.[0]?.args, [
      '15014',
      '0755:/var/run/sds',
      '0700:/var/lib/sds-node-agent',
    ]);
  });

  test('rights beyond TokenReview come with what needs them alone, and so do its settings', () => {
    const rulesOf = (name: Case): readonly string[] =>
      objectsOf(name).flatMap(({ kind, rules = [] }) =>
        rules.map(({ resources, verbs }) => `${kind}: ${verbs.join(',')} ${resources.join(',')}`),
      );
    const standard = ['ClusterRole: create tokenreviews', 'Role: create configmaps', 'Role: patch configmaps'];
    assert.deepEqual(rulesOf('istiod'), standard.slice(0, 1));
    assert.deepEqual(rulesOf('default'), standard);
    assert.deepEqual(
      rulesOf('tokenless').filter((rule) => !standard.includes(rule)),
      ['ClusterRole: list,watch pods', 'ClusterRole: create serviceaccounts/token'],
    );
    assert.deepEqual(
      rulesOf('gateway').filter((rule) => !standard.includes(rule)),
      ['Role: list,watch secrets'],
    );
    const modeOf = ({ WORKLOAD_TOKENS, PEER_ATTESTATION }: Readonly<Record<string, string>>): readonly unknown[] => [
      WORKLOAD_TOKENS,
      PEER_ATTESTATION,
    ];
    assert.deepEqual(modeOf(settingsOf('default')), [undefined, undefined]);
    assert.deepEqual(modeOf(settingsOf('tokenless')), ['request', 'enforce']);
    const secrets = objectsOf('gateway').filter(({ metadata }) => metadata.name.endsWith('gateway-secrets'));
    assert.deepEqual(
      secrets.map(({ kind, metadata }) => [kind, metadata.namespace]),
      [
        ['Role', 'istio-system'],
        ['RoleBinding', 'istio-system'],
      ],
    );
  });

  test('another monitoring port is that of probes and annotations too', () => {
    const daemonSet = JSON.stringify(objectsOf('monitoring').find(({ kind }) => kind === 'DaemonSet'));
    assert.match(daemonSet, /"containerPort":15099/);
    assert.match(daemonSet, /"prometheus.io\/port":"15099"/);
    assert.doesNotMatch(daemonSet, /15014[^,]*"(port|containerPort)/);
  });

  const refused: readonly (readonly [Case, RegExp])[] = [
    ['misspeltValue', /tolerationz/],
    ['misspeltSetting', /SECRET_TLL/],
    ['wrongType', /hostPID/],
    ['unknownPreset', /preset/],
    ['vaultWithoutAddress', /needs settings\.VAULT_ADDR/],
    ['customWithoutProvider', /CA_PROVIDER is not set/],
    ['istioGoogle', /GoogleCA.*does not have/],
    ['istioPlugin', /PLUGINS/],
  ];
  for (const [name, message] of refused) {
    test(`${name}: refused, with the name of what is wrong`, () => {
      const { error } = resultOf(name);
      assert.match(error ?? assert.fail('it was rendered'), message);
    });
  }
});

test('an empty template is no manifest, and a key that is there twice is an error', () => {
  assert.deepEqual(parseManifests('\n---\n'), []);
  assert.throws(() => parseManifests('kind: A\nkind: B\n'), /unique/);
});
