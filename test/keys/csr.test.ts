import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../src/core/agent-error.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { createCsr, parseCsr, readPublicKey } from '../../src/keys/csr.ts';
import { readDer } from '../../src/keys/der-reader.ts';
import { constructedContextTag, Tag } from '../../src/keys/der-tag.ts';
import { bitString, element, sequence, unsignedInteger } from '../../src/keys/der-writer.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';

const spiffeId = serviceAccountId('cluster.local', 'shop', 'web');
const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
const csr = createCsr(keyPair, spiffeId);

/** The request with other fields (version, subject, key, attributes), signed by the same key. */
function resigned(change: (fields: Uint8Array[]) => Uint8Array[]): Uint8Array {
  const fields = readDer(csr, (reader) =>
    reader.enter(Tag.SEQUENCE).within(Tag.SEQUENCE, (body) => [body.any(), body.any(), body.any(), body.any()]),
  );
  const body = sequence(...change(fields.map(({ whole }) => whole)));
  return sequence(body, keyPair.signatureAlgorithmDer, bitString(keyPair.sign(body)));
}

test('a request says its key and the identity asked for', () => {
  const { publicKeyDer, publicKeyKind, uriSans, subjectAltNames } = parseCsr(csr);
  assert.deepEqual(Buffer.from(publicKeyDer), Buffer.from(keyPair.publicKeyDer));
  assert.deepEqual(publicKeyKind, { algorithm: 'ecdsa', curve: 'P256' });
  assert.deepEqual(uriSans, [spiffeId]);
  assert.equal(subjectAltNames.length, 1);
});

test('a request without attributes is read as one without names', () => {
  const bare = resigned(([version, subject, key]) =>
    [version, subject, key, element(constructedContextTag(0))].flatMap((f) => f ?? []),
  );
  assert.deepEqual(parseCsr(bare).subjectAltNames, []);
});

describe('a request is refused', async () => {
  const other = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const table: [string, Uint8Array, RegExp][] = [
    ['that is empty', new Uint8Array(), /not a certificate request: /],
    ['that is text', Buffer.from('-----BEGIN CERTIFICATE REQUEST-----'), /not a certificate request: /],
    ['that is followed by bytes', Buffer.concat([csr, Buffer.of(0)]), /bytes after the end/],
    ['of another version', resigned((fields) => fields.with(0, unsignedInteger(1))), /not of version 1/],
    [
      'for a key that did not sign it',
      resigned((fields) => fields.with(2, other.publicKeyDer)),
      /not signed with its own key/,
    ],
    ['whose key is none', resigned((fields) => fields.with(2, sequence())), /the public key cannot be read/],
    ['without the place for attributes', resigned((fields) => fields.slice(0, 3)), /the end where tag 0xa0/],
  ];
  for (const [what, der, message] of table) {
    test(what, () => assert.throws(() => parseCsr(der), { code: 'ca-request-refused', message }));
  }

  test('with any single byte changed', () => {
    fc.assert(
      fc.property(fc.nat(csr.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(csr);
        changed[at] = (changed[at] ?? 0) ^ change;
        assert.throws(
          () => parseCsr(changed),
          (error) => error instanceof AgentError && error.code === 'ca-request-refused',
        );
      }),
      { numRuns: 2000 },
    );
  });
});

test('the public key of a request of our own is read without looking at the signature', () => {
  assert.deepEqual(Buffer.from(readPublicKey(csr)), Buffer.from(keyPair.publicKeyDer));
  assert.throws(() => readPublicKey(csr.subarray(0, 100)), { code: 'ca-request-refused' });
});

test('a key whose curve is written out instead of named is refused, though OpenSSL takes it for P-256', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  assert.equal(
    createPublicKey({ key: spki, type: 'spki', format: 'der' }).asymmetricKeyDetails?.namedCurve,
    'prime256v1',
  );
  const fields = readDer(csr, (reader) =>
    reader.enter(Tag.SEQUENCE).within(Tag.SEQUENCE, (body) => [body.any(), body.any(), body.any(), body.any()]),
  );
  const body = sequence(...fields.map(({ whole }, index) => (index === 2 ? spki : whole)));
  const forged = sequence(body, keyPair.signatureAlgorithmDer, bitString(sign('sha256', body, privateKey)));
  assert.throws(() => parseCsr(forged), {
    code: 'ca-request-refused',
    message: /curve of the public key is not named/,
  });
});
