import { AgentError } from '../core/agent-error.ts';
import type { DerCertificates } from '../core/ca-provider.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { sha256Hex } from './digest.ts';
import { toPemBundle } from './pem.ts';

/** The roots of a trust domain in their one canonical form: equal sets have equal bytes. */
export interface NormalizedRoots {
  /** PEM of all, sorted, each once, a newline after each block. */
  readonly pem: Buffer;
  readonly count: number;
  /** When the first of them expires. */
  readonly notAfterMs: number;
  /** A digest of `pem`, 32 hex characters. */
  readonly version: string;
  readonly ders: DerCertificates;
}

/** What a CA gave as its roots, sorted by what it is worth. */
export interface JudgedRoots {
  readonly valid: readonly Certificate[];
  /** How many are not certificates, or none of a CA. */
  readonly unusable: number;
  readonly expired: number;
}

/**
 * The most that is trusted together, those included that only older certificates need: many times what any CA has, in
 * the middle of a replacement too, and little for each Envoy of the node to be sent and to keep.
 */
export const MOST_ROOTS = { count: 100, bytes: 256 * 1024 } as const;

/** Whether these are more than are trusted together. */
export function areTooMany(ders: DerCertificates): boolean {
  return ders.length > MOST_ROOTS.count || bytesOf(ders) > MOST_ROOTS.bytes;
}

/** Looks at each root by itself. */
export function judgeRoots(ders: DerCertificates, nowMs: number): JudgedRoots {
  const certificates = ders.flatMap(parseCa);
  const valid = certificates.filter(({ notAfterMs }) => nowMs < notAfterMs);
  return { valid, unusable: ders.length - certificates.length, expired: certificates.length - valid.length };
}

/**
 * Brings what a CA gave as its roots into canonical form.
 *
 * @throws AgentError `ca-answer-invalid` when nothing usable is left, for peers cannot do with an empty bundle; and for
 *   more than are trusted together
 */
export function normalizeRoots(ders: DerCertificates, nowMs: number): NormalizedRoots {
  const { valid, unusable, expired } = judgeRoots(ders, nowMs);
  if (valid.length === 0) {
    const counts = `${ders.length} given, ${unusable} not CA certificates, ${expired} expired`;
    throw new AgentError('ca-answer-invalid', `the CA gave no usable root: ${counts}`);
  }
  const roots = toCanonicalRoots(valid);
  if (areTooMany(roots.ders)) {
    const found = `${roots.count} roots of ${bytesOf(roots.ders)} bytes together`;
    const limits = `${MOST_ROOTS.count} and ${MOST_ROOTS.bytes} bytes`;
    throw new AgentError('ca-answer-invalid', `the CA has ${found}, and at most ${limits} are trusted at a time`);
  }
  return roots;
}

/** The canonical form of roots that `judgeRoots` found valid, however many. */
export function toCanonicalRoots(valid: readonly Certificate[]): NormalizedRoots {
  const sorted = valid.map(({ der }) => der).sort(Buffer.compare);
  const unique = sorted.filter((der, index) => index === 0 || Buffer.compare(der, sorted[index - 1] ?? der) !== 0);
  const pem = Buffer.from(toPemBundle('CERTIFICATE', unique));
  return {
    pem,
    count: unique.length,
    notAfterMs: Math.min(...valid.map(({ notAfterMs }) => notAfterMs)),
    version: sha256Hex(pem).slice(0, 32),
    ders: unique,
  };
}

function bytesOf(ders: DerCertificates): number {
  return ders.reduce((sum, { length }) => sum + length, 0);
}

function parseCa(der: Uint8Array): Certificate[] {
  try {
    const certificate = parseCertificate(der);
    return certificate.isCa ? [certificate] : [];
  } catch {
    return [];
  }
}
