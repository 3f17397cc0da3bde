import { type Finding, isMet } from '../finding.ts';
import { formatValue } from './format-value.ts';

/** The findings as an aligned table for a terminal, and a line that sums them up. */
export function resultsTable(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => [
    finding.work,
    formatValue(finding.value, finding.unit),
    `<= ${formatValue(finding.limit, finding.unit)}`,
    verdict(finding),
  ]);
  const all = [['work', 'measured', 'target', ''], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const missed = findings.filter((finding) => !isMet(finding)).length;
  const sum = missed === 0 ? `all ${findings.length} targets met` : `${missed} of ${findings.length} targets MISSED`;
  return `${[...lines, '', sum].join('\n')}\n`;
}

/** What stands behind a number. */
export function verdict(finding: Finding): string {
  return isMet(finding) ? 'met' : 'MISSED';
}
