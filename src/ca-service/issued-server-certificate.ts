import { AgentError } from '../core/agent-error.ts';
import type { DerCertificates } from '../core/ca-provider.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ShowServerCertificate } from '../core/server-certificate.ts';
import { type Certificate, isSignedBy, parseCertificate } from '../keys/certificate.ts';
import { createKeyPair } from '../keys/key-pair.ts';
import { toPemBundle } from '../keys/pem.ts';
import { formatServerName } from '../keys/server-name.ts';
import type { SubjectAltName } from '../keys/subject-alt-name.ts';

/** A new one every twelve hours: short, because no client asks whether it was revoked. */
const LIFE_MS = 24 * 3_600_000;

/** A CA that signs for a server of its own. `EmbeddedProvider` is one. */
export interface ServerSigner {
  /** Gives the chain in DER, leaf first, without the root. */
  signServer(
    subject: { readonly names: readonly SubjectAltName[]; readonly publicKeyDer: Uint8Array },
    ttlMs: number,
    signal: AbortSignal,
  ): Promise<DerCertificates>;
  roots(signal: AbortSignal): Promise<DerCertificates>;
}

export interface IssuedServerCertificateOptions {
  readonly signer: ServerSigner;
  /** What clients may call the server. */
  readonly names: readonly SubjectAltName[];
  readonly show: ShowServerCertificate;
  readonly clock: Clock;
  readonly log: Log;
}

/** The certificate of a CA's own TLS server, signed by that CA. Its key is in memory only, and new each time. */
export class IssuedServerCertificate {
  readonly #options: IssuedServerCertificateOptions;
  /** What is shown now. */
  #chain: readonly Certificate[] = [];

  constructor(options: IssuedServerCertificateOptions) {
    this.#options = options;
  }

  /** Makes a new one and shows it, where it is time. Rejects with the CA's `AgentError`: then the old one is still shown. */
  async refresh(signal: AbortSignal): Promise<void> {
    if (!(await this.#isDue(signal))) return;
    const { signer, names, show, log } = this.#options;
    const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
    const ders = await signer.signServer({ names, publicKeyDer: keyPair.publicKeyDer }, LIFE_MS, signal);
    const chain = ders.map(parseCertificate);
    const [leaf] = chain;
    if (leaf === undefined) throw new AgentError('ca-answer-invalid', 'the CA signed nothing for its own server');
    show({ chainPem: toPemBundle('CERTIFICATE', ders), keyPem: keyPair.privateKeyPem('pkcs8') });
    this.#chain = chain;
    const { serial, notAfterMs } = leaf;
    const called = names.map(formatServerName);
    log.info('the server has a new certificate', { serial, notAfter: toIsoTime(notAfterMs), names: called });
  }

  /** Half of its life is over, or its root is not trusted any more. */
  async #isDue(signal: AbortSignal): Promise<boolean> {
    const { signer, clock } = this.#options;
    const [leaf] = this.#chain;
    const top = this.#chain.at(-1);
    if (leaf === undefined || top === undefined) return true;
    if (clock.now() >= (leaf.notBeforeMs + leaf.notAfterMs) / 2) return true;
    const roots = await signer.roots(signal);
    return !roots.some((root) => isSignedBy(top, parseCertificate(root)));
  }
}
