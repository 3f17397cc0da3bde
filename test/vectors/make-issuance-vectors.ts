/**
 * Writes the vectors in `test/vectors/issuance` anew, with new keys: `node dist/test/vectors/make-issuance-vectors.js`
 * after a build. Needed only when a vector is added.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { utcMs } from '../../src/core/calendar.ts';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { type Certificate, parseCertificate } from '../../src/keys/certificate.ts';
import { type CertificateTemplate, signCertificate } from '../../src/keys/certificate-builder.ts';
import { intermediateTemplate, leafTemplate, rootTemplate } from '../../src/keys/certificate-profiles.ts';
import { readDer } from '../../src/keys/der-reader.ts';
import { constructedContextTag, Tag } from '../../src/keys/der-tag.ts';
import {
  bitString,
  element,
  nullValue,
  objectIdentifier,
  sequence,
  unsignedInteger,
} from '../../src/keys/der-writer.ts';
import { basicConstraints, type Extension, extKeyUsage, keyUsage } from '../../src/keys/extensions.ts';
import { createKeyPair, type KeyPair } from '../../src/keys/key-pair.ts';
import { ObjectId } from '../../src/keys/object-ids.ts';
import { toPem, toPemBundle } from '../../src/keys/pem.ts';
import { type SubjectAltName, subjectAltName } from '../../src/keys/subject-alt-name.ts';
import { DIRECTORY, spiffeId } from './issuance-vectors.ts';

const P256: KeySpec = { algorithm: 'ecdsa', curve: 'P256' };
const year = { notBeforeMs: utcMs(2030, 1, 1), notAfterMs: utcMs(2031, 1, 1) };
const decades = { notBeforeMs: utcMs(2029, 1, 1), notAfterMs: utcMs(2060, 1, 1) };
const trustDomain = 'cluster.local';

interface Signer {
  readonly certificate: Certificate;
  readonly keyPair: KeyPair;
}
type Change = (template: CertificateTemplate) => CertificateTemplate;
const asItIs: Change = (template) => template;

async function makeRoot(spec: KeySpec = P256, change: Change = asItIs): Promise<Signer> {
  const keyPair = await createKeyPair(spec);
  const template = rootTemplate({ trustDomain, role: 'root', publicKeyDer: keyPair.publicKeyDer }, decades);
  return { certificate: parseCertificate(signCertificate(change(template), keyPair)), keyPair };
}

async function makeIntermediate(issuer: Signer, change: Change = asItIs, spec: KeySpec = P256): Promise<Signer> {
  const keyPair = await createKeyPair(spec);
  const subject = { trustDomain, role: 'intermediate', publicKeyDer: keyPair.publicKeyDer };
  const template = change(intermediateTemplate(subject, issuer.certificate, year));
  return { certificate: parseCertificate(signCertificate(template, issuer.keyPair)), keyPair };
}

const leafKey = await createKeyPair(P256);

function makeTemplate(issuer: Signer): CertificateTemplate {
  return leafTemplate({ spiffeId, publicKeyDer: leafKey.publicKeyDer, isRsa: false }, issuer.certificate, year);
}

function makeLeaf(issuer: Signer, change: Change = asItIs): Uint8Array {
  return signCertificate(change(makeTemplate(issuer)), issuer.keyPair);
}

const without =
  (id: string): Change =>
  (template) => ({ ...template, extensions: template.extensions.filter((extension) => extension.id !== id) });
const replacing =
  (extension: Extension): Change =>
  (template) => ({ ...template, extensions: [...without(extension.id)(template).extensions, extension] });
const adding =
  (extension: Extension): Change =>
  (template) => ({ ...template, extensions: [...template.extensions, extension] });
const named = (...names: readonly SubjectAltName[]): Change => replacing(subjectAltName(names));

const root = await makeRoot();
const rsaRoot = await makeRoot({ algorithm: 'rsa', bits: 2048 });
const expiredRoot = await makeRoot(P256, (template) => ({ ...template, notAfterMs: utcMs(2030, 5, 1) }));
const strictRoot = await makeRoot(P256, replacing(basicConstraints({ isCa: true, pathLength: 0 })));
const foreignRoot = await makeRoot();
const intermediate = await makeIntermediate(root);
const right = makeLeaf(intermediate);
const self: SubjectAltName = { kind: 'uri', value: spiffeId };

/** A chain of a leaf and one intermediate that is changed. */
async function under(change: Change, issuer = root): Promise<Uint8Array[]> {
  const changed = await makeIntermediate(issuer, change);
  return [makeLeaf(changed), changed.certificate.der];
}

/** A chain of a leaf that is changed and the right intermediate. */
function leaf(change: Change): Uint8Array[] {
  return [makeLeaf(intermediate, change), intermediate.certificate.der];
}

/** The right leaf with other fields, signed again; the algorithm beside the signature is the right one, or another. */
function resigned(change: (fields: Uint8Array[]) => Uint8Array[], algorithmDer?: Uint8Array): Uint8Array[] {
  const { keyPair, certificate } = intermediate;
  const changed = sequence(...change(fieldsOf(parseCertificate(right).signedDer)));
  const signature = bitString(keyPair.sign(changed));
  return [sequence(changed, algorithmDer ?? keyPair.signatureAlgorithmDer, signature), certificate.der];
}

function fieldsOf(sequenceDer: Uint8Array): Uint8Array[] {
  return readDer(sequenceDer, (reader) =>
    reader.within(Tag.SEQUENCE, (inside) => {
      const fields: Uint8Array[] = [];
      while (!inside.done) fields.push(inside.any().whole);
      return fields;
    }),
  );
}

const tampered = Buffer.from(right);
tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
const sha1WithRsa = sequence(objectIdentifier('1.2.840.113549.1.1.5'), nullValue());
const rsaIntermediate = await makeIntermediate(rsaRoot, asItIs, { algorithm: 'ecdsa', curve: 'P384' });
const deep = await makeIntermediate(root, replacing(basicConstraints({ isCa: true, pathLength: 1 })));
const deeper = await makeIntermediate(deep);
const tooDeep = await makeIntermediate(intermediate);
const forgedRoot = await makeRoot(P256, (template) => ({ ...template, subjectDer: root.certificate.subjectDer }));
const forgedIntermediate = await makeIntermediate({ certificate: root.certificate, keyPair: forgedRoot.keyPair });

const vectors: Record<string, readonly Uint8Array[]> = {
  good: [right, intermediate.certificate.der],
  'good-with-its-root': [right, intermediate.certificate.der, root.certificate.der],
  'good-with-a-root-that-is-not-trusted-beside': [right, intermediate.certificate.der, foreignRoot.certificate.der],
  'good-directly-under-the-root': [makeLeaf(root)],
  'good-under-two-intermediates': [makeLeaf(deeper), deeper.certificate.der, deep.certificate.der],
  'good-under-rsa-and-p384': [makeLeaf(rsaIntermediate), rsaIntermediate.certificate.der],
  'good-without-extended-key-usage': leaf(without(ObjectId.extKeyUsage)),
  'san-of-another-workload': leaf(named({ kind: 'uri', value: parseSpiffeId('spiffe://cluster.local/ns/shop/sa/db') })),
  'san-missing': leaf(without(ObjectId.subjectAltName)),
  'san-with-control-characters': leaf(named({ kind: 'uri', value: 'spiffe://x\n\u001b[31m' })),
  'san-dns-only': leaf(named({ kind: 'dns', value: 'web.shop.svc' })),
  'san-id-as-dns': leaf(named({ kind: 'dns', value: spiffeId })),
  'san-extra-dns': leaf(named(self, { kind: 'dns', value: 'web.shop.svc' })),
  'san-extra-uri': leaf(named(self, { kind: 'uri', value: 'spiffe://cluster.local/ns/shop/sa/db' })),
  'san-extra-ip': leaf(named({ kind: 'ip', value: '10.0.0.1' }, self)),
  'san-extra-email': leaf(named(self, { kind: 'email', value: 'web@shop' })),
  'san-extra-of-another-kind': leaf(named(self, { kind: 'other', value: '880453000102' })),
  'san-twice-the-same': leaf(named(self, self)),
  'san-extension-twice': leaf(adding(subjectAltName([self]))),
  'key-of-another': leaf((template) => ({ ...template, publicKeyDer: root.certificate.publicKeyDer })),
  'not-yet-valid': leaf((template) => ({ ...template, notBeforeMs: utcMs(2030, 6, 1, 12, 0, 1) })),
  expired: leaf((template) => ({ ...template, notAfterMs: utcMs(2030, 6, 1, 12) })),
  'key-usage-missing': leaf(without(ObjectId.keyUsage)),
  'key-usage-without-digital-signature': leaf(replacing(keyUsage(['keyEncipherment', 'keyAgreement']))),
  'key-usage-of-a-ca': leaf(replacing(keyUsage(['digitalSignature', 'keyCertSign']))),
  'ca-as-leaf': leaf(replacing(basicConstraints({ isCa: true }))),
  'client-auth-missing': leaf(replacing(extKeyUsage([ObjectId.serverAuth]))),
  'server-auth-missing': leaf(replacing(extKeyUsage([ObjectId.clientAuth]))),
  'unknown-critical-extension': leaf(adding({ id: '1.2.3.4', critical: true, value: nullValue() })),
  'chain-of-another-root': await under(asItIs, foreignRoot),
  'chain-of-a-root-with-the-same-name': [makeLeaf(forgedIntermediate), forgedIntermediate.certificate.der],
  'chain-without-its-intermediate': [right],
  'chain-in-the-wrong-order': [intermediate.certificate.der, right],
  'chain-with-a-stranger-between': [right, (await makeIntermediate(root)).certificate.der],
  'chain-of-an-expired-root': await under(asItIs, expiredRoot),
  'chain-too-long': [right, ...Array.from({ length: 10 }, () => intermediate.certificate.der)],
  'intermediate-not-a-ca': await under(replacing(basicConstraints({ isCa: false }))),
  'intermediate-without-basic-constraints': await under(without(ObjectId.basicConstraints)),
  'intermediate-without-key-cert-sign': await under(replacing(keyUsage(['cRLSign']))),
  'intermediate-expired': await under((template) => ({ ...template, notAfterMs: utcMs(2030, 5, 1) })),
  'intermediate-not-yet-valid': await under((template) => ({ ...template, notBeforeMs: utcMs(2030, 7, 1) })),
  'intermediate-for-servers-only': await under(adding(extKeyUsage([ObjectId.serverAuth]))),
  'path-length-violated': [makeLeaf(tooDeep), tooDeep.certificate.der, intermediate.certificate.der],
  'path-length-of-the-root-violated': await under(asItIs, strictRoot),
  'signature-tampered': [tampered, intermediate.certificate.der],
  'signature-algorithm-weak': resigned((fields) => fields.with(2, sha1WithRsa), sha1WithRsa),
  'signature-algorithm-other-than-signed': resigned((fields) => fields.with(2, sha1WithRsa)),
  'der-garbage': [Buffer.from('this is not a certificate at all'), intermediate.certificate.der],
  'der-cut-off': [right.subarray(0, 200), intermediate.certificate.der],
  'der-with-bytes-after-the-end': [Buffer.concat([right, Buffer.of(0)]), intermediate.certificate.der],
  'der-of-version-1': resigned((fields) => fields.slice(1, -1)),
  'der-of-version-2': resigned((fields) => fields.with(0, element(constructedContextTag(0), unsignedInteger(1)))),
  'der-with-a-negative-serial': resigned((fields) => fields.with(1, Buffer.of(0x02, 0x01, 0x80))),
  'der-garbage-in-the-intermediate': [right, Buffer.from('neither is this')],
};

rmSync(DIRECTORY, { recursive: true, force: true });
mkdirSync(DIRECTORY, { recursive: true });
for (const [name, chain] of Object.entries(vectors)) {
  writeFileSync(join(DIRECTORY, `${name}.pem`), toPemBundle('CERTIFICATE', chain));
}
const roots = [root, rsaRoot, expiredRoot, strictRoot].map(({ certificate }) => certificate.der);
writeFileSync(join(DIRECTORY, '_roots.pem'), toPemBundle('CERTIFICATE', roots));
writeFileSync(join(DIRECTORY, '_key.pem'), toPem('PUBLIC KEY', leafKey.publicKeyDer));
