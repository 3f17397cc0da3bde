import { METRIC_PREFIX, METRICS, type MetricDeclaration } from './metric-table.ts';

const HEAD = `# Metrics

Served at \`/metrics\` on the monitoring port (\`MONITORING_PORT\`, 15014) in Prometheus' text format. Node's own
\`process_*\` and \`nodejs_*\` metrics are there too. Times are seconds. Labels take the values listed here and no
others; a SPIFFE ID, a node or a token is never a label. Generated from \`src/telemetry/metric-table.ts\`.
`;

const TAIL = `## Worth an alert

| when | means |
|---|---|
| \`sds_agent_secret_earliest_expiry_timestamp_seconds{kind="certificate"} - time() < 600\` for certificates that live hours | renewals have failed for long; workloads are about to lose their certificate |
| \`sds_agent_secrets{kind="certificate",status="stale"} > 0\` for longer than the CA's usual outages | renewals fail; what is served is still valid |
| \`rate(sds_agent_acks_total{result="nack"}[5m]) > 0\` | an Envoy refuses what it is sent; its log and the agent's say why |
| \`sds_agent_pending_subscriptions > 0\` for minutes | an Envoy asks for a name that the agent does not know, or a first certificate cannot be issued; \`status\` names it |
| \`rate(sds_agent_renewals_total{result="refused"}[15m]) > 0\` | the CA answers with certificates that fail verification |
`;

/** The document `docs/metrics.md`, in Markdown. */
export function toMetricsDocument(): string {
  const declarations: Readonly<Record<string, MetricDeclaration>> = METRICS;
  const rows = Object.entries(declarations).map(([name, { type, labels, help }]) => {
    return `| \`${METRIC_PREFIX}${name}\` | ${type} | ${Object.entries(labels).map(toLabel).join('; ')} | ${help} |`;
  });
  const table = ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows];
  return [HEAD, `${table.join('\n')}\n`, `## Buckets\n\n${toBuckets(declarations)}`, TAIL].join('\n');
}

function toLabel([label, values]: [string, readonly string[] | string]): string {
  const shown = typeof values === 'string' ? values : values.map((value) => `\`${value}\``).join(', ');
  return `\`${label}\`: ${shown}`;
}

function toBuckets(declarations: Readonly<Record<string, MetricDeclaration>>): string {
  const lines = Object.entries(declarations).flatMap(([name, { buckets }]) => {
    return buckets === undefined ? [] : [`- \`${METRIC_PREFIX}${name}\`: ${buckets.join(', ')}`];
  });
  return `${lines.join('\n')}\n`;
}
