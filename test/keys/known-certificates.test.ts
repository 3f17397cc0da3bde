import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redacted } from '../../src/core/redacted.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { isKnownSignedBy, parseIssuerCertificate, parseLeafCertificate } from '../../src/keys/known-certificates.ts';
import { FakeClock, hours } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';

const { signal } = new AbortController();

test('equal bytes are the same object, and a hundred leaves push no issuer out', async () => {
  const { issuer, newLeaf } = await createCa();
  const known = parseIssuerCertificate(issuer);
  const leaf = await newLeaf();
  const first = parseLeafCertificate(leaf);
  assert.equal(parseLeafCertificate(Uint8Array.from(leaf)), first);
  for (let count = 0; count < 100; count++) parseLeafCertificate(await newLeaf());
  assert.notEqual(parseLeafCertificate(leaf), first);
  assert.equal(parseIssuerCertificate(Uint8Array.from(issuer)), known);
});

test('what differs in a bit from a certificate that was verified is verified by itself', async () => {
  const { issuer, newLeaf } = await createCa();
  const leaf = await newLeaf();
  const signer = parseIssuerCertificate(issuer);
  assert.equal(isKnownSignedBy(parseLeafCertificate(leaf), signer), true);
  assert.equal(isKnownSignedBy(parseLeafCertificate(leaf), signer), true);
  // The last byte belongs to the signature.
  const forged = Uint8Array.from(leaf, (byte, index) => (index === leaf.length - 1 ? byte ^ 1 : byte));
  assert.equal(isKnownSignedBy(parseLeafCertificate(forged), signer), false);
  const { issuer: stranger } = await createCa();
  assert.equal(isKnownSignedBy(parseLeafCertificate(leaf), parseIssuerCertificate(stranger)), false);
});

async function createCa() {
  const ca = await MemoryCa.create(new FakeClock());
  const id = serviceAccountId('cluster.local', 'shop', 'web');
  const csr = createCsr(await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' }), id);
  const sign = () => ca.sign({ id, csr, ttlMs: hours(1), token: new Redacted('') }, signal);
  const [, issuer = new Uint8Array()] = await sign();
  return { issuer, newLeaf: async () => (await sign())[0] ?? new Uint8Array() };
}
