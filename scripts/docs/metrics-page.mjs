const INTRODUCTION = `# Metrics

<!-- Made by scripts/generate-docs.mjs from src/telemetry/metric-table.ts. Change it there. -->

Served at \`/metrics\` on the monitoring port (\`MONITORING_PORT\`, 15014) in Prometheus' text format. Node's own
\`process_*\` and \`nodejs_*\` metrics are there too. Times are seconds. Labels take the values listed here and no
others; a SPIFFE ID, a node or a token is never a label.
`;

const ALERTS = `## Worth an alert

| when | means |
|---|---|
| \`sds_agent_secret_earliest_expiry_timestamp_seconds{kind="certificate"} - time() < 600\` for certificates that live hours | renewals have failed for long; workloads are about to lose their certificate |
| \`sds_agent_overdue_identities{alarm=~"critical\\|expired"} > 0\` | less than a third of the time in which renewals are tried is left: look at the CA now |
| \`sds_agent_roots_ignored_total\` grows | the CA gives roots that are no CA certificates, or that have expired |
| \`sds_agent_secrets{kind="certificate",status="stale"} > 0\` for longer than the CA's usual outages | renewals fail or lack a token; what is served is still valid |
| \`rate(sds_agent_acks_total{result="nack"}[5m]) > 0\` | an Envoy refuses what it is sent; its log and the agent's say why |
| \`sds_agent_pending_subscriptions > 0\` for minutes | an Envoy asks for a name that the agent does not know, or a first certificate cannot be issued; \`status\` names it |
| \`rate(sds_agent_renewals_total{result="refused"}[15m]) > 0\` | the CA answers with certificates that fail verification |
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
  return [INTRODUCTION, ...table, '## Buckets', '', ...buckets, '', ALERTS].join('\n');
}

function labelText([label, values]) {
  const shown = typeof values === 'string' ? values : values.map((value) => `\`${value}\``).join(', ');
  return `\`${label}\`: ${shown}`;
}
