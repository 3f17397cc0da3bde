import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { signCertificate } from '../../src/keys/certificate-builder.ts';
import { leafTemplate, rootTemplate } from '../../src/keys/certificate-profiles.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { FakeClock, hours, minutes } from '../fakes/fake-clock.ts';
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

test('a certificate is of no use without its root: it ends with the last of those that verify it, and names them', async () => {
  const nowMs = new FakeClock().now();
  const rootKey = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const subject = { trustDomain: 'cluster.local', role: 'root', publicKeyDer: rootKey.publicKeyDer };
  const rootUntil = (notAfterMs: number): Uint8Array =>
    signCertificate(rootTemplate(subject, { notBeforeMs: nowMs, notAfterMs }), rootKey);
  const [short, long] = [rootUntil(nowMs + hours(1)), rootUntil(nowMs + hours(2))];
  const { publicKeyDer } = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const day = { notBeforeMs: nowMs, notAfterMs: nowMs + hours(24) };
  const template = leafTemplate({ spiffeId, publicKeyDer, isRsa: false }, parseCertificate(long), day);
  const chain = [signCertificate(template, rootKey)];
  const verify = (...roots: Uint8Array[]) => verifyIssuance({ chain, roots, spiffeId, publicKeyDer, nowMs });
  assert.equal(verify(short).notAfterMs, nowMs + hours(1));
  const both = verify(short, long);
  assert.equal(both.notAfterMs, nowMs + hours(2));
  assert.deepEqual(both.anchors, [short, long]);
});

test('a chain may begin as much later as is allowed, and says when', async () => {
  const clock = new FakeClock();
  const ca = await MemoryCa.create(clock);
  ca.notBeforeOffsetMs = minutes(5);
  const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const request = { id: spiffeId, csr: createCsr(keyPair, spiffeId), ttlMs: hours(24), token: new Redacted('t') };
  const issuance = { chain: await ca.sign(request, signal), roots: await ca.roots(signal), spiffeId };
  const rest = { publicKeyDer: keyPair.publicKeyDer, nowMs: clock.now() };
  assert.equal(verifyIssuance({ ...issuance, ...rest, aheadMs: minutes(5) }).notBeforeMs, clock.now() + minutes(5));
  for (const aheadMs of [minutes(5) - 1, 0]) {
    assert.throws(() => verifyIssuance({ ...issuance, ...rest, aheadMs }), /not yet valid .* by 300 s or more/);
  }
});
