import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { inRepository } from '../ensure/repository.mjs';

const INTRODUCTION = `# Metrics

<!-- Made by scripts/generate-docs.mjs from src/telemetry/metric-table.ts. Change it there. -->

Served at \`/metrics\` on the monitoring port (\`MONITORING_PORT\`, 15014) in Prometheus' text format. Node's own
\`process_*\` and \`nodejs_*\` metrics are there too. Times are seconds. Labels take the values listed here and no
others; a SPIFFE ID, a node or a token is never a label.
`;

/** docs/metrics.md: every metric with its type, labels and meaning. */
export async function metricsPage(load) {
  const { METRIC_PREFIX, METRICS } = await load('telemetry/metric-table.js');
  const metrics = Object.entries(METRICS).map(([name, metric]) => ({ ...metric, name: `${METRIC_PREFIX}${name}` }));
  const rows = metrics.map(({ name, type, labels, help }) => {
    return `| \`${name}\` | ${type} | ${Object.entries(labels).map(labelText).join('; ')} | ${help} |`;
  });
  const buckets = metrics
    .filter(({ buckets }) => buckets !== undefined)
    .map(({ name, buckets }) => `- \`${name}\`: ${buckets.join(', ')}`);
  const table = ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows, ''];
  return [INTRODUCTION, ...table, '## Buckets', '', ...buckets, '', alertsText()].join('\n');
}

/** The alerts of the chart's PrometheusRule. */
function alertsText() {
  const alerts = parse(readFileSync(inRepository('deploy', 'chart', 'files', 'alerts.yaml'), 'utf8'));
  const rows = alerts.map(({ alert, expr, for: duration, labels, annotations: { summary, remark } }) => {
    const when = [`\`${expr.replaceAll('|', '\\|')}\``, duration && `for ${duration}`].filter(Boolean).join(' ');
    return `| \`${alert}\` | ${when}${remark ? `; ${remark}` : ''} | ${labels.severity} | ${summary} |`;
  });
  return `## Worth an alert

<!-- Made from deploy/chart/files/alerts.yaml, as the chart's PrometheusRule is. -->

| alert | when | severity | means |
|---|---|---|---|
${rows.join('\n')}
`;
}

function labelText([label, values]) {
  const shown = typeof values === 'string' ? values : values.map((value) => `\`${value}\``).join(', ');
  return `\`${label}\`: ${shown}`;
}
