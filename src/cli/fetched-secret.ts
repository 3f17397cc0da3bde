import { AgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import { type Secret, SpiffeCertValidatorConfig } from '../gen/xds/secret.ts';
import { type CertificateSummary, summarizeCertificate } from '../keys/certificate-summary.ts';
import { parsePem } from '../keys/pem.ts';
import { escapeControls } from '../telemetry/escape-controls.ts';
import { toHumanExpiry, toHumanTime } from './human-time.ts';

/** A secret as `fetch` shows it. There is no key in it. */
export interface FetchedSecret {
  readonly name: string;
  readonly version: string;
  readonly kind: 'certificate' | 'bundle' | 'all-bundles';
  readonly groups: readonly CertificateGroup[];
}

/** Certificates that belong together: a chain, leaf first, or the roots of one trust domain. */
interface CertificateGroup {
  /** The trust domain, for the bundles of several. */
  readonly trustDomain?: string;
  readonly certificates: readonly CertificateSummary[];
}

/** @throws AgentError `ca-answer-invalid` when what was served cannot be read */
export function parseFetched(version: string, { name, tlsCertificate, validationContext }: Secret): FetchedSecret {
  const chain = tlsCertificate?.certificateChain?.inlineBytes;
  if (chain !== undefined) return { name, version, kind: 'certificate', groups: [{ certificates: summarize(chain) }] };
  const roots = validationContext?.trustedCa?.inlineBytes;
  if (roots !== undefined) return { name, version, kind: 'bundle', groups: [{ certificates: summarize(roots) }] };
  const validator = validationContext?.customValidatorConfig?.typedConfig?.value;
  if (validator === undefined)
    throw new AgentError('ca-answer-invalid', 'what was served is neither certificate nor bundle');
  const groups = SpiffeCertValidatorConfig.decode(validator).trustDomains.map(({ name: trustDomain, trustBundle }) => ({
    trustDomain,
    certificates: summarize(trustBundle?.inlineBytes ?? Buffer.alloc(0)),
  }));
  return { name, version, kind: 'all-bundles', groups };
}

/** The stable form for programs; times in ISO 8601. */
export function toFetchedJson({ name, version, kind, groups }: FetchedSecret): object {
  const described = groups.map(({ trustDomain, certificates }) => ({
    ...(trustDomain !== undefined && { trustDomain }),
    certificates: certificates.map(toCertificateJson),
  }));
  const [first] = described;
  switch (kind) {
    case 'certificate':
      return { name, kind, version, ...first?.certificates[0], chain: first?.certificates ?? [] };
    case 'bundle':
      return { name, kind, version, roots: first?.certificates ?? [] };
    case 'all-bundles':
      return {
        name,
        kind,
        version,
        bundles: described.map(({ trustDomain, certificates }) => ({ trustDomain, roots: certificates })),
      };
  }
}

/** The form for people. */
export function formatFetched({ name, version, kind, groups }: FetchedSecret, nowMs: number): string {
  const lines = [`${name}: ${kind}, version ${version}`];
  for (const { trustDomain, certificates } of groups) {
    if (trustDomain !== undefined) lines.push(`  trust domain ${trustDomain}`);
    for (const [index, certificate] of certificates.entries()) {
      lines.push('', ...describe(roleOf(kind, index), certificate, nowMs));
    }
  }
  return `${lines.map(escapeControls).join('\n')}\n`;
}

function summarize(pem: Buffer): CertificateSummary[] {
  return parsePem(pem.toString('utf8'), 'CERTIFICATE').map(summarizeCertificate);
}

function roleOf(kind: FetchedSecret['kind'], index: number): string {
  if (kind !== 'certificate') return 'root';
  return index === 0 ? 'certificate' : `issuer ${index}`;
}

function describe(role: string, certificate: CertificateSummary, nowMs: number): string[] {
  const { subject, issuer, sans, serial, notBeforeMs, notAfterMs } = certificate;
  return [
    `  ${role}`,
    `    subject     ${subject === '' ? '(empty)' : subject}`,
    ...sans.map((san) => `    name        ${san}`),
    `    serial      ${serial}`,
    `    issuer      ${issuer}`,
    `    not before  ${toIsoTime(notBeforeMs)}  (${toHumanTime(notBeforeMs, nowMs)})`,
    `    not after   ${toIsoTime(notAfterMs)}  (${toHumanExpiry(notAfterMs, nowMs)})`,
  ];
}

function toCertificateJson({ notBeforeMs, notAfterMs, ...rest }: CertificateSummary): object {
  return { ...rest, notBefore: toIsoTime(notBeforeMs), notAfter: toIsoTime(notAfterMs) };
}
