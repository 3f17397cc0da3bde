import { readdirSync, rmSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { exampleWorkloads } from './deploy/example-workloads.mjs';
import { renderChart } from './deploy/helm-chart.mjs';
import { settingNames, valuesSchema } from './deploy/values-schema.mjs';
import { shout } from './ensure/progress.mjs';
import { inRepository } from './ensure/repository.mjs';
import { settleGenerated } from './settle-generated.mjs';

/**
 * Writes what of deploy/ is made: the chart's list of settings and its schema, and the workloads in examples/, out of a
 * build; and the plain manifests, out of the chart.
 *
 *     node scripts/generate-deploy.mjs [--check]
 *
 * With `--check` nothing is written, and a file that is out of date makes it fail. Where Helm cannot be had, it says so,
 * and fails in CI alone.
 */
const NAMESPACE = 'sds-node-agent';
const BASE = ['namespace', 'rbac', 'ca', 'daemonset'];
/** The first is applied first: `kubectl apply -f` goes by the names of files. */
const NAMES = { namespace: '00-namespace' };

/** What a file holds of the chart: which values, which templates. */
const MANIFESTS = [
  ...BASE.map((template) => ({ file: `${NAMES[template] ?? template}.yaml`, values: {}, templates: [template] })),
  { file: 'optional/tokenless.yaml', values: { tokenless: true }, templates: ['tokenless'] },
  {
    file: 'optional/gateway-secrets.yaml',
    values: { gatewaySecrets: { namespace: 'gateways' } },
    templates: ['gateway-secrets'],
  },
  { file: 'optional/network-policy.yaml', values: { networkPolicy: { enabled: true } }, templates: ['network-policy'] },
  { file: 'optional/pod-monitor.yaml', values: { podMonitor: { enabled: true } }, templates: ['pod-monitor'] },
  {
    file: 'optional/prometheus-rule.yaml',
    values: { prometheusRule: { enabled: true } },
    templates: ['prometheus-rule'],
  },
  { file: 'presets/istiod.yaml', values: { preset: 'istiod' }, templates: BASE },
  { file: 'presets/istio-csr.yaml', values: { preset: 'istio-csr' }, templates: BASE },
  {
    file: 'presets/vault.yaml',
    values: {
      preset: 'vault',
      settings: {
        VAULT_ADDR: 'https://vault.vault.svc:8200',
        VAULT_ROLE: 'workload',
        VAULT_SIGN_CSR_PATH: 'istio_ca/sign/workload',
      },
    },
    templates: BASE,
  },
  { file: 'presets/embedded.yaml', values: { preset: 'embedded' }, templates: BASE },
];

const check = process.argv.includes('--check');
const load = (path) => import(pathToFileURL(inRepository('dist', 'src', path)).href);

function settle(file, text) {
  settleGenerated({ file, path: inRepository(file), text, maker: 'scripts/generate-deploy.mjs', check });
}

/** What lies where only made files belong, and is not one of them. */
function settleStrays() {
  for (const folder of ['optional', 'presets']) {
    for (const name of readdirSync(inRepository('deploy', folder))) {
      const file = `${folder}/${name}`;
      if (MANIFESTS.some((manifest) => manifest.file === file)) continue;
      if (check) {
        console.error(`deploy/${file} is made by nothing: remove it`);
        process.exitCode = 1;
      } else rmSync(inRepository('deploy', file));
    }
  }
}

function manifestText({ templates, values }, { files, error }) {
  if (error !== undefined) throw new Error(`the chart cannot be rendered with ${JSON.stringify(values)}: ${error}`);
  const documents = templates
    .flatMap((template) => files[`sds-node-agent/templates/${template}.yaml`].split(/^---$/m))
    .map((document) => document.trim())
    .filter((document) => document !== '');
  return `# Made by scripts/generate-deploy.mjs from deploy/chart. Change it there.\n${documents.join('\n---\n')}\n`;
}

const names = await settingNames(load);
settle('deploy/chart/files/settings.json', `${JSON.stringify(names, null, 2)}\n`);
settle('deploy/chart/values.schema.json', `${JSON.stringify(valuesSchema(names), null, 2)}\n`);
for (const { file, text } of exampleWorkloads()) settle(`examples/kubernetes/${file}`, `${text}\n`);

const orders = MANIFESTS.map(({ values }) => ({
  values: { ...values, namespace: { create: true } },
  namespace: NAMESPACE,
}));
const rendered = await renderChart(orders).catch((error) => {
  shout(['The manifests ARE NOT COMPARED with the chart: it cannot be rendered.', error.message]);
  if (process.env.CI === 'true' || !check) process.exitCode = 1;
});
if (rendered !== undefined) {
  for (const [index, manifest] of MANIFESTS.entries()) {
    settle(`deploy/${manifest.file}`, manifestText(manifest, rendered.answers[index]));
  }
  settleStrays();
}
