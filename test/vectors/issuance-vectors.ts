import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DerCertificates } from '../../src/core/ca-provider.ts';
import { utcMs } from '../../src/core/calendar.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { parsePem } from '../../src/keys/pem.ts';

/** What every vector was asked for, and when. */
export const spiffeId = serviceAccountId('cluster.local', 'shop', 'web');
export const nowMs = utcMs(2030, 6, 1, 12);

/** Tests run in the repository's root. */
export const DIRECTORY = join(process.cwd(), 'test/vectors/issuance');

/** The names of the committed vectors: what is right or wrong with each. */
export function vectorNames(): string[] {
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.pem') && !file.startsWith('_'));
  return files.map((file) => file.slice(0, -'.pem'.length)).sort();
}

/** A CA's answer, in the order in which it came. */
export function loadChain(name: string): DerCertificates {
  return parsePem(readFileSync(join(DIRECTORY, `${name}.pem`), 'utf8'), 'CERTIFICATE');
}

/** The roots that are trusted: one of ECDSA, one of RSA, one that has expired, one that allows no intermediates. */
export function loadRoots(): DerCertificates {
  return loadChain('_roots');
}

/** The key that every vector's certificate should be for. */
export function loadPublicKey(): Uint8Array {
  const [publicKeyDer = new Uint8Array()] = parsePem(readFileSync(join(DIRECTORY, '_key.pem'), 'utf8'), 'PUBLIC KEY');
  return publicKeyDer;
}
