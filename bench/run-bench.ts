import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchContext } from './bench-context.ts';
import { BENCH_HELP, type BenchOptions, parseBenchOptions } from './bench-options.ts';
import { type Finding, isMet } from './finding.ts';
import { benchmarksPage } from './report/benchmarks-page.ts';
import { readMachineFacts } from './report/machine-facts.ts';
import { resultsTable } from './report/results-table.ts';
import { SCENARIOS } from './scenarios.ts';

/**
 * `npm run bench`: measures, prints and, where asked to, writes the page. Gives the exit status: 0 when all targets
 * are met, 1 when one is missed, 130 when interrupted. Rejects when something could not be measured.
 *
 * @param root the checkout
 */
export async function runBench(argv: readonly string[], root: string): Promise<number> {
  const names = SCENARIOS.map(({ name }) => name);
  const options = parseBenchOptions(argv, names, join(root, 'bin', 'sds-node-agent'));
  if (options === undefined) {
    process.stdout.write(`${BENCH_HELP}\nscenarios: ${names.join(', ')}\n`);
    return 0;
  }
  const facts = readMachineFacts(root);
  const interrupted = interruption();
  const findings = await measure(options, interrupted).catch((thrown: unknown) => {
    if (interrupted.aborted) return undefined;
    throw thrown;
  });
  if (findings === undefined) return 130;
  process.stdout.write(options.json ? `${JSON.stringify({ facts, findings }, null, 2)}\n` : resultsTable(findings));
  if (options.write) writeFileSync(join(root, 'docs', 'benchmarks.md'), benchmarksPage(findings, facts));
  return findings.every(isMet) ? 0 : 1;
}

async function measure(options: BenchOptions, signal: AbortSignal): Promise<Finding[]> {
  using context = new BenchContext(options, signal);
  // At once, so that whoever waits for a process hears that it is gone.
  signal.addEventListener('abort', () => context.pen[Symbol.dispose](), { once: true });
  const findings: Finding[] = [];
  for (const { name, run } of SCENARIOS) {
    if (options.only.includes(name)) findings.push(...(await run(context)));
  }
  return findings;
}

/** Aborts with Ctrl-C or SIGTERM. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}
