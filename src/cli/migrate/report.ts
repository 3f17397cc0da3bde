import { escapeControls } from '../../telemetry/escape-controls.ts';
import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import type { Finding } from './finding.ts';
import type { Migration } from './migrate-configuration.ts';
import type { Findings } from './scope.ts';

/** What `--json` prints. */
export interface JsonReport {
  readonly configuration: EnvoyObject;
  /** Of the input, but not in the output, or without effect there. */
  readonly not_carried_over: readonly Finding[];
  /** In the output, but not quite what it was. */
  readonly changed: readonly Finding[];
}

/** The report for machines. */
export function toJsonReport({ configuration, findings }: Migration): JsonReport {
  return { configuration, not_carried_over: findings.notCarriedOver, changed: findings.changed };
}

/** The report for people: a list each, and a line that sums up. */
export function toTextReport(findings: Findings): string {
  const { notCarriedOver, changed, certificates, bundles } = findings;
  const served = `${count(certificates, 'certificate')} and ${count(bundles, 'trust bundle')} come from the agent now`;
  const lost =
    notCarriedOver.length === 0 ? 'everything was carried over' : `${notCarriedOver.length} not carried over`;
  return [
    ...section('not carried over:', notCarriedOver),
    ...section('changed:', changed),
    `${served}; ${lost}, ${changed.length} changed\n`,
  ].join('');
}

function section(title: string, findings: readonly Finding[]): readonly string[] {
  if (findings.length === 0) return [];
  const lines = findings.map(({ path, what, why }) => {
    return `  ${escapeControls(`${path || '(top)'}: ${what}`)}\n    ${escapeControls(why)}\n`;
  });
  return [`${title}\n`, ...lines];
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
