import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { parseIssuers, toAnchors, toChain } from '../../src/ca-providers/vault/issuer-path.ts';
import { type Certificate, parseCertificate } from '../../src/keys/certificate.ts';
import { signCertificate } from '../../src/keys/certificate-builder.ts';
import { intermediateTemplate, leafTemplate, rootTemplate } from '../../src/keys/certificate-profiles.ts';
import { createKeyPair, type KeyPair } from '../../src/keys/key-pair.ts';
import { days, FakeClock, hours } from '../fakes/fake-clock.ts';
import { WEB } from './vault-world.ts';

const nowMs = new FakeClock().now();
const validity = { notBeforeMs: nowMs - hours(1), notAfterMs: nowMs + days(100) };

class Authority {
  readonly keyPair: KeyPair;
  readonly #role: string;

  private constructor(role: string, keyPair: KeyPair) {
    this.#role = role;
    this.keyPair = keyPair;
  }

  static async create(role: string): Promise<Authority> {
    return new Authority(role, await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' }));
  }

  get #subject() {
    return { trustDomain: 'cluster.local', role: this.#role, publicKeyDer: this.keyPair.publicKeyDer };
  }

  selfSigned(): Certificate {
    return parseCertificate(signCertificate(rootTemplate(this.#subject, validity), this.keyPair));
  }

  signedBy(issuer: Authority): Certificate {
    const template = intermediateTemplate(this.#subject, issuer.selfSigned(), validity);
    return parseCertificate(signCertificate(template, issuer.keyPair));
  }
}

let old: Certificate;
let root: Certificate;
/** The same root, signed by the old one for peers that know only that. */
let crossSigned: Certificate;
let intermediate: Certificate;
let leaf: Uint8Array;
/** Two intermediates that have signed each other. */
let circle: readonly Certificate[];

before(async () => {
  const [oldCa, rootCa, intermediateCa] = [
    await Authority.create('old'),
    await Authority.create('root'),
    await Authority.create('intermediate'),
  ];
  old = oldCa.selfSigned();
  root = rootCa.selfSigned();
  crossSigned = rootCa.signedBy(oldCa);
  intermediate = intermediateCa.signedBy(rootCa);
  circle = [rootCa.signedBy(intermediateCa), intermediate];
  const key = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const subject = { spiffeId: WEB, publicKeyDer: key.publicKeyDer, isRsa: false };
  leaf = signCertificate(leafTemplate(subject, intermediate, validity), intermediateCa.keyPair);
});

test('a chain ends below the root, in whatever order its certificates came', () => {
  for (const issuers of [
    [intermediate, root],
    [root, intermediate],
  ]) {
    assert.deepEqual(toChain(leaf, issuers), [leaf, intermediate.der]);
    assert.deepEqual(toAnchors(issuers), [root.der]);
  }
});

test('a root that is there is preferred to its certificate by another one', () => {
  assert.deepEqual(toChain(leaf, [crossSigned, intermediate, old, root]), [leaf, intermediate.der]);
});

test('a root that another one has signed leads to that one', () => {
  const issuers = [old, intermediate, crossSigned];
  assert.deepEqual(toChain(leaf, issuers), [leaf, intermediate.der, crossSigned.der]);
  assert.deepEqual(toAnchors(issuers), [old.der]);
});

test('without the root the highest that is known is the anchor, and stays in the chain', () => {
  assert.deepEqual(toChain(leaf, [crossSigned, intermediate]), [leaf, intermediate.der, crossSigned.der]);
  assert.deepEqual(toAnchors([crossSigned, intermediate]), [crossSigned.der]);
});

test('a leaf of an issuer that is not known comes alone', () => {
  assert.deepEqual(toChain(leaf, [old]), [leaf]);
});

test('issuers that have signed each other make no endless chain', () => {
  const [first, second] = circle.map(({ der }) => der);
  assert.deepEqual(toChain(leaf, circle), [leaf, second, first]);
  assert.equal(toAnchors(circle).length, 2);
});

test('issuers are taken once, and what is no certificate is passed over', () => {
  const parsed = parseIssuers([root.der, new Uint8Array(20), Buffer.from(root.der), old.der]);
  assert.deepEqual(
    parsed.map(({ der }) => Buffer.from(der)),
    [Buffer.from(root.der), Buffer.from(old.der)],
  );
});
