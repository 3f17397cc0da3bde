import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { utcMs } from '../../src/core/calendar.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { signCertificate } from '../../src/keys/certificate-builder.ts';
import { rootTemplate, serverTemplate } from '../../src/keys/certificate-profiles.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { ObjectId } from '../../src/keys/object-ids.ts';
import { formatServerName, parseServerName } from '../../src/keys/server-name.ts';

const NAMES: readonly (readonly [given: string, matched: 'host' | 'ip', asked: string])[] = [
  ['localhost', 'host', 'localhost'],
  ['CA.Example.NET', 'host', 'ca.example.net'],
  ['node_1.internal', 'host', 'node_1.internal'],
  ['10.0.0.1', 'ip', '10.0.0.1'],
  ['::1', 'ip', '::1'],
  ['::', 'ip', '::'],
  ['2001:DB8::1:0:0:ff', 'ip', '2001:db8:0:0:1:0:0:ff'],
  ['::ffff:192.0.2.1', 'ip', '::ffff:c000:201'],
  ['fe80:1:2:3:4:5:6:7', 'ip', 'fe80:1:2:3:4:5:6:7'],
];

async function serverCertificate(given: string): Promise<Uint8Array> {
  const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const { publicKeyDer } = keyPair;
  const validity = { notBeforeMs: utcMs(2030, 1, 1), notAfterMs: utcMs(2031, 1, 1) };
  const rootSubject = { trustDomain: 'cluster.local', role: 'root', publicKeyDer };
  const root = parseCertificate(signCertificate(rootTemplate(rootSubject, validity), keyPair));
  const name = parseServerName(given);
  assert.ok(name, `${given} is a name`);
  return signCertificate(serverTemplate({ names: [name], publicKeyDer }, root, validity), keyPair);
}

for (const [given, matched, asked] of NAMES) {
  test(`a certificate for ${given} is that of ${asked}, as OpenSSL sees it, and of nobody else`, async () => {
    const certificate = new X509Certificate(await serverCertificate(given));
    if (matched === 'host') assert.equal(certificate.checkHost(asked), asked);
    else assert.equal(certificate.checkIP(asked), asked);
    assert.equal(certificate.checkHost('other.example'), undefined);
    assert.equal(certificate.checkIP('192.0.2.99'), undefined);
  });
}

test('a server certificate is for servers alone, and no CA', async () => {
  const { extKeyUsage, keyUsage, isCa, uriSans } = parseCertificate(await serverCertificate('localhost'));
  assert.deepEqual([extKeyUsage, keyUsage, isCa, uriSans], [[ObjectId.serverAuth], ['digitalSignature'], false, []]);
});

for (const text of [
  '',
  '.',
  'a..b',
  '-a',
  'a-',
  '*.example',
  '1.2.3',
  '256.1.1.1',
  'fe80::1%eth0',
  'a b',
  'a:1',
  `${'a'.repeat(64)}.b`,
  'ü.example',
]) {
  test(`${JSON.stringify(text)} is neither a DNS name nor an address`, () => {
    assert.equal(parseServerName(text), undefined);
  });
}

test('a name is written as people write it', () => {
  const written = ['::1', '2001:DB8::1:0:0:ff', '10.0.0.1', 'CA.Example.NET'].map((text) => {
    const name = parseServerName(text);
    return name && formatServerName(name);
  });
  assert.deepEqual(written, ['::1', '2001:db8::1:0:0:ff', '10.0.0.1', 'ca.example.net']);
});
