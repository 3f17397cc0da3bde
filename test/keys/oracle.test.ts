import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { describe, test } from 'node:test';
import * as oracle from '@peculiar/x509';
import { utcMs } from '../../src/core/calendar.ts';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { isSelfSigned, isSignedBy, parseCertificate } from '../../src/keys/certificate.ts';
import { signCertificate } from '../../src/keys/certificate-builder.ts';
import { intermediateTemplate, leafTemplate, rootTemplate } from '../../src/keys/certificate-profiles.ts';
import { createCsr, parseCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';

// Two libraries of other lineages read what we write, and we read what one of them writes: @peculiar/x509
// (TypeScript, asn1-schema) and OpenSSL through Node.
oracle.cryptoProvider.set(webcrypto);

const spiffeId = serviceAccountId('cluster.local', 'shop', 'web');
const KEYS: readonly (KeySpec & { name: string })[] = [
  { name: 'P-256', algorithm: 'ecdsa', curve: 'P256' },
  { name: 'P-384', algorithm: 'ecdsa', curve: 'P384' },
  { name: 'RSA-2048', algorithm: 'rsa', bits: 2048 },
];
const buffer = (view: Uint8Array): ArrayBuffer => Uint8Array.from(view).buffer;

async function newHierarchy(spec: KeySpec) {
  const [rootKey, intermediateKey, leafKey] = [
    await createKeyPair(spec),
    await createKeyPair(spec),
    await createKeyPair(spec),
  ];
  const isRsa = spec.algorithm === 'rsa';
  const trustDomain = 'cluster.local';
  const rootSubject = { trustDomain, role: 'root', publicKeyDer: rootKey.publicKeyDer };
  const rootDer = signCertificate(
    rootTemplate(rootSubject, { notBeforeMs: utcMs(2030, 1, 1), notAfterMs: utcMs(2060, 1, 1) }),
    rootKey,
  );
  const subject = { trustDomain, role: 'intermediate', publicKeyDer: intermediateKey.publicKeyDer };
  const validity = { notBeforeMs: utcMs(2030, 1, 1), notAfterMs: utcMs(2049, 12, 31, 23, 59, 59) };
  const intermediateDer = signCertificate(intermediateTemplate(subject, parseCertificate(rootDer), validity), rootKey);
  const leafSubject = { spiffeId, publicKeyDer: leafKey.publicKeyDer, isRsa };
  const leafDer = signCertificate(
    leafTemplate(leafSubject, parseCertificate(intermediateDer), validity),
    intermediateKey,
  );
  return { rootDer, intermediateDer, leafDer, leafKey };
}

for (const spec of KEYS) {
  describe(`of ${spec.name}`, () => {
    test('a hierarchy that we write is read by both, with every signature good', async () => {
      const { rootDer, intermediateDer, leafDer } = await newHierarchy(spec);
      const chain = [leafDer, intermediateDer, rootDer, rootDer];
      for (const [index, der] of chain.slice(0, 3).entries()) {
        const issuerDer = chain[index + 1] ?? rootDer;
        const theirs = new oracle.X509Certificate(buffer(der));
        const theirIssuer = new oracle.X509Certificate(buffer(issuerDer));
        assert.equal(await theirs.verify({ publicKey: theirIssuer, signatureOnly: true }), true);
        const [node, nodeIssuer] = [new NodeCertificate(der), new NodeCertificate(issuerDer)];
        assert.equal(node.verify(nodeIssuer.publicKey), true);
        assert.equal(node.checkIssued(nodeIssuer), true);
        assert.equal(isSignedBy(parseCertificate(der), parseCertificate(issuerDer)), true);
      }
    });

    test('every field that we read is what both read', async () => {
      const { rootDer, intermediateDer, leafDer } = await newHierarchy(spec);
      for (const der of [rootDer, intermediateDer, leafDer]) {
        const ours = parseCertificate(der);
        const theirs = new oracle.X509Certificate(buffer(der));
        const node = new NodeCertificate(der);
        assert.equal(ours.serial, theirs.serialNumber);
        assert.equal(ours.serial, node.serialNumber.toLowerCase());
        assert.equal(ours.notBeforeMs, theirs.notBefore.getTime());
        assert.equal(ours.notAfterMs, theirs.notAfter.getTime());
        assert.equal(ours.notAfterMs, Date.parse(node.validTo));
        assert.equal(ours.isCa, node.ca);
        assert.deepEqual(Buffer.from(ours.publicKeyDer), node.publicKey.export({ type: 'spki', format: 'der' }));
        const constraints = theirs.getExtension(oracle.BasicConstraintsExtension);
        assert.equal(ours.isCa, constraints?.ca);
        assert.equal(ours.pathLength, constraints?.pathLength);
        const names = theirs.getExtension(oracle.SubjectAlternativeNameExtension);
        assert.deepEqual(
          ours.uriSans,
          names?.names.items.map(({ value }) => value),
        );
        assert.equal(names?.critical, !ours.isCa);
        const keyId = theirs.getExtension(oracle.SubjectKeyIdentifierExtension)?.keyId;
        assert.equal(ours.subjectKeyId && Buffer.from(ours.subjectKeyId).toString('hex'), keyId);
        const authority = theirs.getExtension(oracle.AuthorityKeyIdentifierExtension)?.keyId;
        assert.equal(ours.authorityKeyId && Buffer.from(ours.authorityKeyId).toString('hex'), authority);
        const usages = theirs.getExtension(oracle.KeyUsagesExtension)?.usages ?? 0;
        assert.equal(
          (usages & oracle.KeyUsageFlags.digitalSignature) !== 0,
          ours.keyUsage?.includes('digitalSignature'),
        );
        assert.equal((usages & oracle.KeyUsageFlags.keyCertSign) !== 0, ours.keyUsage?.includes('keyCertSign'));
        assert.equal((usages & oracle.KeyUsageFlags.cRLSign) !== 0, ours.keyUsage?.includes('cRLSign'));
        assert.equal(ours.extKeyUsage?.join(), theirs.getExtension(oracle.ExtendedKeyUsageExtension)?.usages.join());
      }
    });

    test('a leaf has an empty subject, one name, both purposes and the right usages', async () => {
      const { leafDer } = await newHierarchy(spec);
      const theirs = new oracle.X509Certificate(buffer(leafDer));
      assert.equal(theirs.subject, '');
      assert.equal(theirs.getExtension(oracle.SubjectAlternativeNameExtension)?.critical, true);
      const { serverAuth, clientAuth } = oracle.ExtendedKeyUsage;
      assert.equal(theirs.getExtension(oracle.ExtendedKeyUsageExtension)?.usages.join(), `${serverAuth},${clientAuth}`);
      const { digitalSignature, keyEncipherment } = oracle.KeyUsageFlags;
      const expected = spec.algorithm === 'rsa' ? digitalSignature | keyEncipherment : digitalSignature;
      assert.equal(theirs.getExtension(oracle.KeyUsagesExtension)?.usages, expected);
      assert.equal(theirs.getExtension(oracle.KeyUsagesExtension)?.critical, true);
    });

    test('a request that we write is read by theirs, with its signature good', async () => {
      const keyPair = await createKeyPair(spec);
      const theirs = new oracle.Pkcs10CertificateRequest(buffer(createCsr(keyPair, spiffeId)));
      assert.equal(await theirs.verify(), true);
      assert.equal(theirs.subject, '');
      assert.deepEqual(Buffer.from(theirs.publicKey.rawData), Buffer.from(keyPair.publicKeyDer));
      const [extension, ...more] = theirs.extensions;
      assert.equal(more.length, 0);
      assert.ok(extension instanceof oracle.SubjectAlternativeNameExtension);
      assert.equal(extension.critical, true);
      assert.deepEqual(
        extension.names.items.map(({ type, value }) => [type, value]),
        [['url', spiffeId]],
      );
    });
  });
}

describe('what @peculiar/x509 writes is read by us:', () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

  test('a request with other names and attributes', async () => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const request = await oracle.Pkcs10CertificateRequestGenerator.create({
      keys,
      name: 'CN=somebody, O=else',
      signingAlgorithm: algorithm,
      attributes: [new oracle.ChallengePasswordAttribute('old habits')],
      extensions: [
        new oracle.KeyUsagesExtension(oracle.KeyUsageFlags.digitalSignature),
        new oracle.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'web.shop' },
          { type: 'url', value: spiffeId },
          { type: 'ip', value: '10.0.0.1' },
        ]),
      ],
    });
    const csr = parseCsr(new Uint8Array(request.rawData));
    assert.deepEqual(csr.uriSans, [spiffeId]);
    assert.deepEqual(csr.subjectAltNames, [
      { kind: 'dns', value: 'web.shop' },
      { kind: 'uri', value: spiffeId },
      { kind: 'ip', value: '10.0.0.1' },
    ]);
    assert.deepEqual(csr.publicKeyKind, { algorithm: 'ecdsa', curve: 'P256' });
    assert.deepEqual(Buffer.from(csr.publicKeyDer), Buffer.from(request.publicKey.rawData));
  });

  const signings = [
    ['ECDSA with SHA-512', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-512' }],
    [
      'RSA with SHA-384',
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-384' },
    ],
    ['Ed25519', { name: 'Ed25519' }],
  ] as const;
  for (const [name, signing] of signings) {
    test(`a root signed by ${name}`, async () => {
      const generated: unknown = await webcrypto.subtle.generateKey(signing, true, ['sign', 'verify']);
      assert.ok(typeof generated === 'object' && generated !== null && 'publicKey' in generated);
      const root = await oracle.X509CertificateGenerator.createSelfSigned({
        serialNumber: '00ff01',
        name: 'CN=théirs, C=CH',
        notBefore: new Date(utcMs(2030, 1, 1)),
        notAfter: new Date(utcMs(2070, 1, 1)),
        signingAlgorithm: signing,
        keys: generated as webcrypto.CryptoKeyPair,
        extensions: [new oracle.BasicConstraintsExtension(true, 3, true)],
      });
      const ours = parseCertificate(new Uint8Array(root.rawData));
      assert.equal(ours.serial, 'ff01');
      assert.equal(ours.isCa, true);
      assert.equal(ours.pathLength, 3);
      assert.equal(ours.notAfterMs, utcMs(2070, 1, 1));
      assert.equal(isSelfSigned(ours), true);
    });
  }
});
