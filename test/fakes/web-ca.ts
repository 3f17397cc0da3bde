import { parseCertificate } from '../../src/keys/certificate.ts';
import { signCertificate } from '../../src/keys/certificate-builder.ts';
import {
  type IssuerName,
  intermediateTemplate,
  rootTemplate,
  serverTemplate,
} from '../../src/keys/certificate-profiles.ts';
import { createKeyPair, type KeyPair } from '../../src/keys/key-pair.ts';
import { toPem } from '../../src/keys/pem.ts';
import { days } from './fake-clock.ts';

/** A certificate with its key as somebody else's tool writes them into files. */
export interface PemPair {
  /** Leaf and intermediate. */
  readonly chain: string;
  readonly key: string;
}

interface Authority extends IssuerName {
  readonly pem: string;
  readonly keyPair: KeyPair;
}

const P256 = { algorithm: 'ecdsa', curve: 'P256' } as const;

/** A CA that has nothing to do with the agent's: it makes certificates of web servers. */
export class WebCa {
  readonly rootPem: string;
  readonly #intermediate: Authority;

  private constructor(root: Authority, intermediate: Authority) {
    this.rootPem = root.pem;
    this.#intermediate = intermediate;
  }

  static async create(nowMs: number): Promise<WebCa> {
    const validity = { notBeforeMs: nowMs - days(1), notAfterMs: nowMs + days(3650) };
    const rootKey = await createKeyPair(P256);
    const rootSubject = { trustDomain: 'example.com', role: 'web root', publicKeyDer: rootKey.publicKeyDer };
    const root = toAuthority(signCertificate(rootTemplate(rootSubject, validity), rootKey), rootKey);
    const key = await createKeyPair(P256);
    const subject = { trustDomain: 'example.com', role: 'web intermediate', publicKeyDer: key.publicKeyDer };
    return new WebCa(root, toAuthority(signCertificate(intermediateTemplate(subject, root, validity), rootKey), key));
  }

  /** @param name a DNS name, or a URI */
  async issue(name: string, notBeforeMs: number, notAfterMs: number): Promise<PemPair> {
    const keyPair = await createKeyPair(P256);
    const subject = {
      names: [{ kind: name.includes('://') ? 'uri' : 'dns', value: name } as const],
      publicKeyDer: keyPair.publicKeyDer,
    };
    const template = serverTemplate(subject, this.#intermediate, { notBeforeMs, notAfterMs });
    const leaf = toPem('CERTIFICATE', signCertificate(template, this.#intermediate.keyPair));
    return { chain: leaf + this.#intermediate.pem, key: String(keyPair.privateKeyPem('traditional').reveal()) };
  }
}

function toAuthority(der: Uint8Array, keyPair: KeyPair): Authority {
  const { subjectDer, publicKeyDer } = parseCertificate(der);
  return { subjectDer, publicKeyDer, keyPair, pem: toPem('CERTIFICATE', der) };
}
