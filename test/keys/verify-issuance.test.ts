import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { FakeClock, hours } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';

const spiffeId = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
const { signal } = new AbortController();

test('what the CA in memory signs is accepted, and OpenSSL reads the same from it', async () => {
  const clock = new FakeClock();
  const ca = await MemoryCa.create(clock);
  const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const request = { id: spiffeId, csr: createCsr(keyPair, spiffeId), ttlMs: hours(24), token: new Redacted('t') };
  const chain = await ca.sign(request, signal);
  const roots = await ca.roots(signal);
  const { publicKeyDer } = keyPair;
  const issuance = verifyIssuance({ chain, roots, spiffeId, publicKeyDer, nowMs: clock.now() });
  const leaf = new X509Certificate(issuance.chainPem);
  assert.equal(leaf.serialNumber.toLowerCase(), issuance.serial);
  assert.equal(leaf.subjectAltName, `URI:${spiffeId}`);
  assert.equal(issuance.notAfterMs - issuance.notBeforeMs, hours(24));
});
