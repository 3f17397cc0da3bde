import type { SpiffeId } from '../../core/spiffe-id.ts';
import { type Certificate, parseCertificate } from '../../keys/certificate.ts';
import { signCertificate } from '../../keys/certificate-builder.ts';
import {
  intermediateTemplate,
  leafTemplate,
  rootTemplate,
  serverTemplate,
  type Validity,
} from '../../keys/certificate-profiles.ts';
import type { Csr } from '../../keys/csr.ts';
import { createKeyPair, type KeyPair } from '../../keys/key-pair.ts';
import type { SubjectAltName } from '../../keys/subject-alt-name.ts';

/** A certificate of a CA with its key. */
export interface Signer {
  readonly certificate: Certificate;
  readonly keyPair: KeyPair;
}

/** A root and the intermediate that signs in its name. */
export interface Authority {
  readonly root: Signer;
  readonly intermediate: Signer;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const ROOT_LIFE_MS = 3650 * DAY_MS;
const INTERMEDIATE_LIFE_MS = 365 * DAY_MS;
/** How far behind ours the clock of a peer may be. */
const CLOCK_SKEW_MS = 60_000;

const CA_KEY = { algorithm: 'ecdsa', curve: 'P256' } as const;

/** Makes a new root, good for ten years, and its first intermediate. */
export async function createAuthority(trustDomain: string, nowMs: number): Promise<Authority> {
  const keyPair = await createKeyPair(CA_KEY);
  const subject = { trustDomain, role: 'embedded root', publicKeyDer: keyPair.publicKeyDer };
  const validity = { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + ROOT_LIFE_MS };
  const root = { certificate: parseCertificate(signCertificate(rootTemplate(subject, validity), keyPair)), keyPair };
  return { root, intermediate: await createIntermediate(root, trustDomain, nowMs) };
}

/** Makes an intermediate with a new key, good for a year or as long as the root. */
export async function createIntermediate(root: Signer, trustDomain: string, nowMs: number): Promise<Signer> {
  const keyPair = await createKeyPair(CA_KEY);
  const subject = { trustDomain, role: 'embedded intermediate', publicKeyDer: keyPair.publicKeyDer };
  const notAfterMs = Math.min(nowMs + INTERMEDIATE_LIFE_MS, root.certificate.notAfterMs);
  const validity = { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs };
  const der = signCertificate(intermediateTemplate(subject, root.certificate, validity), root.keyPair);
  return { certificate: parseCertificate(der), keyPair };
}

/**
 * Whether it is time for a new intermediate: half of its life is over, and a new one would live longer. Not so at
 * the end of the root's life, which no intermediate outlives.
 */
export function isIntermediateDue({ root, intermediate }: Authority, nowMs: number): boolean {
  const { notBeforeMs, notAfterMs } = intermediate.certificate;
  const mayLiveLonger = notAfterMs + DAY_MS < root.certificate.notAfterMs;
  return mayLiveLonger && nowMs >= (notBeforeMs + notAfterMs) / 2;
}

/** Signs a workload's certificate; in DER. Its names are the identity's, whatever the request says. */
export function signLeaf({ intermediate }: Authority, csr: Csr, spiffeId: SpiffeId, validity: Validity): Uint8Array {
  const isRsa = csr.publicKeyKind.algorithm === 'rsa';
  const subject = { spiffeId, publicKeyDer: csr.publicKeyDer, isRsa };
  return signCertificate(leafTemplate(subject, intermediate.certificate, validity), intermediate.keyPair);
}

/** Whose certificate a TLS server shows. */
export interface ServerSubject {
  readonly names: readonly SubjectAltName[];
  /** SubjectPublicKeyInfo in DER; not RSA. */
  readonly publicKeyDer: Uint8Array;
}

/** Signs a TLS server's certificate; in DER. */
export function signServer({ intermediate }: Authority, subject: ServerSubject, validity: Validity): Uint8Array {
  return signCertificate(serverTemplate(subject, intermediate.certificate, validity), intermediate.keyPair);
}

/**
 * When a leaf made now is valid: a little in the past already, for peers whose clock is behind, but never by more
 * than a tenth of its life, and no longer than what signs it.
 */
export function leafValidity({ root, intermediate }: Authority, ttlMs: number, nowMs: number): Validity {
  const notAfterMs = Math.min(nowMs + ttlMs, intermediate.certificate.notAfterMs, root.certificate.notAfterMs);
  return { notBeforeMs: nowMs - Math.min(CLOCK_SKEW_MS, ttlMs / 10), notAfterMs };
}
