import type {
  AgentStatus,
  CertificateState,
  ForeignState,
  IdentityStatus,
  RenewalAlarm,
} from '../core/status-report.ts';
import { toHumanDuration, toHumanExpiry, toHumanTime } from './human-time.ts';
import { type Paint, type Paper, paint } from './paper.ts';
import { type Cell, type Column, formatTable } from './text-table.ts';

const SHOWN_SERIAL_DIGITS = 16;
const NOTHING: Cell = { text: '-', paint: 'quiet' };
const NO_ERROR: Cell = { text: '' };

/** The status as people read it. Ends with a line break. */
export function formatStatus(status: AgentStatus, paper: Paper): string {
  const sections = [
    formatSummary(status, paper),
    formatSection(
      'identities',
      'nobody has asked for a certificate yet',
      IDENTITY_COLUMNS,
      identityRows(status),
      paper,
    ),
    formatSection('trust bundles', 'no roots are known yet', BUNDLE_COLUMNS, bundleRows(status), paper),
    ...formatForeign(status, paper),
    formatSection('pending names', 'none', PENDING_COLUMNS, pendingRows(status), paper),
    formatSection('certificate authority', 'none', CA_COLUMNS, caRows(status), paper),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function formatSummary(status: AgentStatus, paper: Paper): string[] {
  const uptime = `up ${toHumanDuration(status.nowMs - status.startedAtMs)}`;
  const load = `${status.connections} connections, ${status.streams} streams`;
  const facts = `sds-node-agent ${status.version}, ${status.trustDomain}, ${uptime}, ${load}, `;
  const ready = status.unready.length === 0;
  const readiness = ready ? paint('ready', 'good', paper) : paint('not ready', 'bad', paper);
  return [
    paint(facts, undefined, paper) + readiness,
    ...status.unready.map((unmet) => `  ${paint(unmet, 'bad', paper)}`),
    ...formatAlarms(status, paper),
    ...formatPolicy(status, paper),
  ];
}

/** The worst first. */
const ALARM_PAINTS = {
  expired: 'bad',
  critical: 'bad',
  pressing: 'busy',
  failing: 'busy',
  waiting: 'busy',
} satisfies Record<RenewalAlarm, Paint>;

function formatAlarms({ identities }: AgentStatus, paper: Paper): string[] {
  const counts = Object.entries(ALARM_PAINTS).flatMap(([alarm, look]) => {
    const count = identities.filter((identity) => identity.alarm === alarm).length;
    return count === 0 ? [] : [paint(`${count} ${alarm}`, look, paper)];
  });
  return counts.length === 0 ? [] : [`  identities that could not be renewed: ${counts.join(', ')}`];
}

/** A policy that holds is no news; one that could not be taken over is. */
function formatPolicy({ policy, nowMs }: AgentStatus, paper: Paper): string[] {
  if (policy?.lastError === undefined) return [];
  const { message, atMs } = policy.lastError;
  const since = `the policy of ${toHumanTime(policy.loadedAtMs, nowMs)} still holds, with ${policy.rules} rules`;
  return [`  ${paint(`policy: ${message} (${toHumanTime(atMs, nowMs)}); ${since}`, 'bad', paper)}`];
}

function formatSection(
  title: string,
  whenEmpty: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  paper: Paper,
): string[] {
  if (rows.length === 0) return [`${title}: ${whenEmpty}`];
  return [`${title}:`, ...formatTable(columns, rows, paper)];
}

const IDENTITY_COLUMNS: readonly Column[] = [
  { title: 'IDENTITY' },
  { title: 'STATE' },
  { title: 'SERIAL', whenNarrow: 4 },
  { title: 'AGE', whenNarrow: 3 },
  { title: 'EXPIRES' },
  { title: 'NEXT RENEWAL', whenNarrow: 1 },
  { title: 'STREAMS', right: true, whenNarrow: 2 },
  { title: 'LAST ERROR', whenNarrow: 'below' },
];

const PAINTS = {
  wanted: 'busy',
  issuing: 'busy',
  ready: 'good',
  renewing: 'busy',
  stale: 'bad',
} satisfies Record<CertificateState, Paint>;

function identityRows({ identities, nowMs }: AgentStatus): Cell[][] {
  return identities.map((identity) => [
    { text: nameOf(identity) },
    { text: identity.state, paint: PAINTS[identity.state] },
    whenKnown(identity.serial, (serial) => ({ text: serial.slice(0, SHOWN_SERIAL_DIGITS) })),
    whenKnown(identity.issuedAtMs, (fromMs) => ({ text: toHumanDuration(nowMs - fromMs) })),
    whenKnown(identity.notAfterMs, (toMs) => expiryCell(toMs, nowMs)),
    whenKnown(identity.nextRenewalMs, (atMs) => ({ text: toHumanTime(atMs, nowMs) })),
    { text: String(identity.streams) },
    errorCell(identity.lastError, nowMs),
  ]);
}

const BUNDLE_COLUMNS: readonly Column[] = [
  { title: 'TRUST DOMAIN' },
  { title: 'ROOTS', right: true },
  { title: 'EXPIRES' },
  { title: 'STREAMS', right: true, whenNarrow: 1 },
  { title: 'VERSION', whenNarrow: 2 },
];

function bundleRows({ bundles, nowMs }: AgentStatus): Cell[][] {
  return bundles.map(({ trustDomain, roots, notAfterMs, streams, version }) => [
    { text: trustDomain },
    { text: String(roots) },
    expiryCell(notAfterMs, nowMs),
    { text: String(streams) },
    { text: version.slice(0, SHOWN_SERIAL_DIGITS), paint: 'quiet' },
  ]);
}

const FOREIGN_COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'STATE' },
  { title: 'SERIAL', whenNarrow: 3 },
  { title: 'AGE', whenNarrow: 2 },
  { title: 'EXPIRES' },
  { title: 'STREAMS', right: true, whenNarrow: 1 },
  { title: 'LAST ERROR', whenNarrow: 'below' },
];

const FOREIGN_PAINTS = {
  wanted: 'busy',
  ready: 'good',
  stale: 'bad',
  gone: 'bad',
} satisfies Record<ForeignState, Paint>;

/** Most agents pass nothing on: then nothing is said about it. */
function formatForeign(status: AgentStatus, paper: Paper): string[][] {
  const rows = foreignRows(status);
  return rows.length === 0 ? [] : [formatSection('secrets passed on', '', FOREIGN_COLUMNS, rows, paper)];
}

function foreignRows({ foreign, nowMs }: AgentStatus): Cell[][] {
  return foreign.map(({ name, state, serial, changedAtMs, notAfterMs, streams, lastError }) => [
    { text: name },
    { text: state, paint: FOREIGN_PAINTS[state] },
    whenKnown(serial, (digits) => ({ text: digits.slice(0, SHOWN_SERIAL_DIGITS) })),
    whenKnown(changedAtMs, (fromMs) => ({ text: toHumanDuration(nowMs - fromMs) })),
    whenKnown(notAfterMs, (toMs) => expiryCell(toMs, nowMs)),
    { text: String(streams) },
    errorCell(lastError, nowMs),
  ]);
}

const PENDING_COLUMNS: readonly Column[] = [{ title: 'NAME' }, { title: 'STREAMS', right: true }];

function pendingRows({ pending }: AgentStatus): Cell[][] {
  return pending.map(({ name, streams }) => [{ text: name }, { text: String(streams) }]);
}

const CA_COLUMNS: readonly Column[] = [
  { title: 'PROVIDER' },
  { title: 'HEALTH' },
  { title: 'LAST SUCCESS' },
  { title: 'LAST ERROR', whenNarrow: 'below' },
];

function caRows({ ca, nowMs }: AgentStatus): Cell[][] {
  return ca.map(({ provider, healthy, lastSuccessMs, lastError }) => [
    { text: provider },
    healthy ? { text: 'healthy', paint: 'good' } : { text: 'failing', paint: 'bad' },
    whenKnown(lastSuccessMs, (atMs) => ({ text: toHumanTime(atMs, nowMs) })),
    errorCell(lastError, nowMs),
  ]);
}

function nameOf({ spiffeId, podUid }: IdentityStatus): string {
  return podUid === undefined ? spiffeId : `${spiffeId} pod ${podUid}`;
}

function expiryCell(notAfterMs: number, nowMs: number): Cell {
  return { text: toHumanExpiry(notAfterMs, nowMs), paint: notAfterMs > nowMs ? undefined : 'bad' };
}

function errorCell(error: IdentityStatus['lastError'], nowMs: number): Cell {
  if (error === undefined) return NO_ERROR;
  return { text: `${error.code}: ${error.message} (${toHumanTime(error.atMs, nowMs)})`, paint: 'bad' };
}

function whenKnown<T>(value: T | undefined, toCell: (value: T) => Cell): Cell {
  return value === undefined ? NOTHING : toCell(value);
}
