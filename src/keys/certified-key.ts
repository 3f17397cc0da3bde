import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { AgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import { Redacted } from '../core/redacted.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { DerError } from './der-error.ts';
import { sha256Hex } from './digest.ts';
import { parsePem, toPemBundle } from './pem.ts';
import { importPublicKey, kindOf } from './public-key.ts';

/** A certificate chain and its key that somebody else made, both in PEM. */
export interface CertifiedKeyPem {
  readonly chain: string;
  readonly key: Redacted<string>;
}

/** A chain and a key that belong together. */
export interface CertifiedKey {
  /** PEM, leaf first, as it was given, a newline after each block. */
  readonly chainPem: Buffer;
  /** PKCS#8. */
  readonly privateKeyPem: Redacted<Buffer>;
  /** The leaf's, in lower-case hex. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** A digest of the chain, 32 hex characters. The leaf decides which key belongs to it. */
  readonly version: string;
}

/** More than any sensible hierarchy has. */
const LONGEST_CHAIN = 10;

/**
 * Reads a chain and its key, and verifies that Envoy takes them: every block is a certificate, the key is that of the
 * first one, and of a kind that Envoy's TLS library serves with. Who signed the chain is for its peers to judge.
 *
 * @throws AgentError `secret-unusable`, saying what is wrong, without a piece of the key
 */
export function parseCertifiedKey({ chain, key }: CertifiedKeyPem): CertifiedKey {
  const certificates = parseChain(chain);
  const [leaf] = certificates;
  const privateKey = parseKey(key);
  const isKeyOf = (certificate: Certificate): boolean => createPublicKey(privateKey).equals(publicKeyOf(certificate));
  if (!isKeyOf(leaf)) {
    throw certificates.some(isKeyOf)
      ? fault('the chain is in the wrong order: the certificate of the key must be the first')
      : fault('certificate and key do not belong together');
  }
  requireServable(privateKey);
  const chainPem = Buffer.from(
    toPemBundle(
      'CERTIFICATE',
      certificates.map(({ der }) => der),
    ),
  );
  return {
    chainPem,
    privateKeyPem: new Redacted(Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }))),
    serial: leaf.serial,
    notBeforeMs: leaf.notBeforeMs,
    notAfterMs: leaf.notAfterMs,
    version: sha256Hex(chainPem).slice(0, 32),
  };
}

/**
 * Refuses a certificate that peers would refuse for the time.
 *
 * @throws AgentError `secret-unusable`
 */
export function requireValidNow({ notBeforeMs, notAfterMs }: CertifiedKey, nowMs: number): void {
  if (nowMs < notBeforeMs) throw fault(`the certificate is not valid before ${toIsoTime(notBeforeMs)}`);
  if (nowMs >= notAfterMs) throw fault(`the certificate has expired at ${toIsoTime(notAfterMs)}`);
}

function parseChain(pem: string): readonly [Certificate, ...Certificate[]] {
  try {
    const ders = parsePem(pem, 'CERTIFICATE');
    if (ders.length > LONGEST_CHAIN) throw fault(`there are ${ders.length} of them`);
    const [leaf, ...issuers] = ders.map(parseCertificate);
    // `parsePem` gives at least one.
    if (leaf === undefined) throw fault('there is none');
    return [leaf, ...issuers];
  } catch (thrown) {
    if (!(thrown instanceof AgentError)) throw thrown;
    throw fault(`the certificates cannot be used: ${thrown.message}`);
  }
}

function parseKey(pem: Redacted<string>): KeyObject {
  try {
    return createPrivateKey(pem.reveal());
  } catch {
    // The cause may quote its input.
    throw fault('the private key cannot be read: it must be PEM, without a passphrase');
  }
}

function publicKeyOf({ publicKeyDer }: Certificate): KeyObject {
  try {
    return importPublicKey(publicKeyDer);
  } catch (thrown) {
    if (!(thrown instanceof DerError)) throw thrown;
    throw fault(`the certificates cannot be used: ${thrown.message}`);
  }
}

/** What Envoy 1.40 refuses would be a NACK (source/common/tls/context_impl.cc). */
function requireServable(key: KeyObject): void {
  const kind = kindOf(key);
  if (kind.algorithm === 'rsa' && kind.bits < 2048)
    throw fault(`an RSA key of ${kind.bits} bits is too short for Envoy`);
  if (kind.algorithm === 'other' && kind.name !== 'secp521r1') throw fault(`Envoy has no use for keys of ${kind.name}`);
}

function fault(message: string): AgentError {
  return new AgentError('secret-unusable', message);
}
