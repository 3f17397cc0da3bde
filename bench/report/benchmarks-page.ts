import type { Finding } from '../finding.ts';
import { formatValue } from './format-value.ts';
import type { MachineFacts } from './machine-facts.ts';
import { verdict } from './results-table.ts';

const INTRODUCTION = `# Benchmarks

<!-- Made by \`npm run bench -- --write\`. Do not edit: run it again. -->

Every server and every load client is a process of its own on one machine, and what is counted is the server's alone:
CPU is the time of all its threads (\`/proc/PID/task/*/schedstat\`), memory is \`VmRSS\`. MB are 2^20 bytes.

The *floor* is the least that a server can do for the same conversation: \`node:http2\` on a unix socket, which answers
the first message of each stream with canned bytes of the same size. It verifies nobody, decodes nothing and has no
limits (\`bench/floor\`). Ratios are taken in one run, agent and floor in turns, and the median of the rounds counts.

The load is that of Envoy 1.40 with \`envoy_grpc\`: one connection for each Envoy, a stream for each secret, a
Node of 61 KB in the first request of each stream, and an ACK for each response. 64 Envoys wait for their first secrets at a time.
`;

/** docs/benchmarks.md. */
export function benchmarksPage(findings: readonly Finding[], facts: MachineFacts): string {
  const rows = findings.map(
    (finding) =>
      `| ${finding.work} | ${formatValue(finding.value, finding.unit)} | ≤ ${formatValue(finding.limit, finding.unit)} | ${verdict(finding)} |`,
  );
  const sections = findings.flatMap(({ work, details }) => [
    `### ${work}`,
    '',
    ...details.map((detail) => `- ${detail}`),
    '',
  ]);
  return [
    INTRODUCTION,
    '| | |',
    '|---|---|',
    ...machineRows(facts),
    '',
    '## Results',
    '',
    '| work | measured | target | |',
    '|---|---|---|---|',
    ...rows,
    '',
    '## What stands behind each number',
    '',
    ...sections,
  ].join('\n');
}

function machineRows(facts: MachineFacts): string[] {
  const rows = {
    processor: `${facts.cpuModel}, ${facts.cores} cores`,
    memory: `${facts.memoryGib.toFixed(0)} GiB`,
    'load before the run': facts.loadBefore.toFixed(2),
    Node: facts.node,
    kernel: facts.kernel,
    date: facts.date,
    commit: facts.commit,
  };
  return Object.entries(rows).map(([name, value]) => `| ${name} | ${value} |`);
}
