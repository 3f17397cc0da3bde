import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { METRIC_PREFIX, METRICS } from '../../src/telemetry/metric-table.ts';
import { inCheckout } from './harness/checkout.ts';
import { onlyOne, readManifests } from './harness/manifests.ts';

const run = promisify(execFile);

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string };
}

const ALERTS: readonly Alert[] = parse(readFileSync(inCheckout('deploy/chart/files/alerts.yaml'), 'utf8'));
const OPTIONAL = readManifests('deploy', 'optional').flatMap(({ objects }) => objects);

/** What the compiler says of a TypeScript text; it refuses fields that a type does not have. */
async function compile(t: TestContext, source: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'monitoring-'));
  t.after(() => rmSync(folder, { recursive: true }));
  symlinkSync(inCheckout('node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'objects.ts'), source);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler'];
  const tsc = inCheckout('node_modules/typescript/bin/tsc');
  return await run(process.execPath, [tsc, ...options, 'objects.ts'], { cwd: folder }).then(
    () => '',
    ({ stdout }) => String(stdout),
  );
}

function toSource(monitor: object, rule: object): string {
  return `
    import type { IPodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
    import type { IPrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
    export const monitor: IPodMonitor = ${JSON.stringify(monitor)};
    export const rule: IPrometheusRule = ${JSON.stringify(rule)};
  `;
}

test('PodMonitor and PrometheusRule are what the Prometheus Operator knows, and it refuses what it does not', {
  timeout: 120_000,
}, async (t) => {
  const [monitor, rule] = [onlyOne(OPTIONAL, 'PodMonitor'), onlyOne(OPTIONAL, 'PrometheusRule')];
  assert.equal(await compile(t, toSource(monitor, rule)), '');
  const faults = await compile(t, toSource({ ...monitor, spec: { ...monitor.spec, podMetricEndpoints: [] } }, rule));
  assert.match(faults, /podMetricEndpoints/);
});

test('the alerts of the PrometheusRule are those that the documentation shows', () => {
  const { spec } = onlyOne(OPTIONAL, 'PrometheusRule');
  assert.deepEqual(spec, { groups: [{ name: 'sds-node-agent', rules: ALERTS }] });
  const page = readFileSync(inCheckout('docs/metrics.md'), 'utf8');
  const [, table = ''] = page.split('## Worth an alert');
  const shown = Array.from(table.matchAll(/^\| `(\w+)` \| `(.*?)`[^`]*\| (?:warning|critical) \| (.*) \|$/gm));
  assert.deepEqual(
    shown.map(([, alert, expr, summary]) => ({ alert, expr: expr?.replaceAll('\\|', '|'), summary })),
    ALERTS.map(({ alert, expr, annotations: { summary } }) => ({ alert, expr, summary })),
  );
});

for (const { alert, expr } of ALERTS) {
  test(`${alert} asks for a metric that there is, with values of its labels that there are`, () => {
    const [, metric = '', labels = ''] = /\bsds_agent_(\w+)(?:\{([^}]*)\})?/.exec(expr) ?? [];
    const found = Object.entries(METRICS).find(([name]) => name === metric);
    assert.ok(found !== undefined, `${METRIC_PREFIX}${metric}`);
    const known: Readonly<Record<string, string | readonly string[]>> = found[1].labels;
    for (const [, label = '', values = ''] of labels.matchAll(/(\w+)=~?"([^"]*)"/g)) {
      for (const value of values.split('|')) assert.ok(known[label]?.includes(value), `${label}=${value}`);
    }
  });
}
