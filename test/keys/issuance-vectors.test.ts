import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../src/core/agent-error.ts';
import { utcMs } from '../../src/core/calendar.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { sha256Hex } from '../../src/keys/digest.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { parsePem, toPemBundle } from '../../src/keys/pem.ts';
import { verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { loadChain, loadPublicKey, loadRoots, nowMs, spiffeId, vectorNames } from '../vectors/issuance-vectors.ts';

const roots = loadRoots();
const publicKeyDer = loadPublicKey();
const right = { roots, spiffeId, publicKeyDer, nowMs };

/** For each vector what the error must say; for those that are good the number of certificates that are served. */
const VECTORS: Record<string, RegExp | number> = {
  good: 2,
  'good-with-its-root': 2,
  'good-with-a-root-that-is-not-trusted-beside': 2,
  'good-directly-under-the-root': 1,
  'good-under-two-intermediates': 3,
  'good-under-rsa-and-p384': 2,
  'good-without-extended-key-usage': 2,
  'san-of-another-workload': /is for uri "spiffe:\/\/cluster\.local\/ns\/shop\/sa\/db" instead of "spiffe:.*\/web"/,
  'san-missing': /is for no name at all instead of/,
  'san-with-control-characters': /is for uri of \d+ characters instead of/,
  'san-dns-only': /is for dns "web\.shop\.svc" instead of/,
  'san-id-as-dns': /is for dns "spiffe:.*" instead of/,
  'san-extra-dns': /another name beside the SPIFFE ID: dns "web\.shop\.svc"/,
  'san-extra-uri': /another name beside the SPIFFE ID: uri "spiffe:.*\/db"/,
  'san-extra-ip': /another name beside the SPIFFE ID: ip "10\.0\.0\.1"/,
  'san-extra-email': /another name beside the SPIFFE ID: email "web@shop"/,
  'san-extra-of-another-kind': /another name beside the SPIFFE ID: other "880453000102"/,
  'san-twice-the-same': /has the SPIFFE ID more than once/,
  'san-extension-twice': /its certificate is not a certificate: the extension 2\.5\.29\.17 occurs twice/,
  'key-of-another': /another key than the one asked for/,
  'not-yet-valid': /its certificate is not yet valid .*look at the clocks of the CA and of this node/,
  expired: /its certificate has expired at 2030-06-01T12:00:00Z/,
  'key-usage-missing': /lacks the key usage digitalSignature/,
  'key-usage-without-digital-signature': /lacks the key usage digitalSignature/,
  'key-usage-of-a-ca': /is one of a CA, not of a workload/,
  'ca-as-leaf': /is one of a CA, not of a workload/,
  'client-auth-missing': /its certificate lacks the extended key usage clientAuth/,
  'server-auth-missing': /its certificate lacks the extended key usage serverAuth/,
  'unknown-critical-extension': /has the critical extension 1\.2\.3\.4, which peers do not know/,
  'chain-of-another-root': /does not reach any of the 4 trusted roots/,
  'chain-of-a-root-with-the-same-name': /does not reach any of the 4 trusted roots/,
  'chain-without-its-intermediate': /does not reach any of the 4 trusted roots/,
  'chain-in-the-wrong-order': /its chain is in the wrong order: the certificate asked for must be the first/,
  'chain-with-a-stranger-between':
    /its certificate is not signed by certificate 2 of its chain: each must be signed by the next/,
  'chain-of-an-expired-root': /its root has expired at 2030-05-01/,
  'chain-too-long': /its chain has 11 certificates/,
  'intermediate-not-a-ca': /certificate 2 of its chain is not one of a CA/,
  'intermediate-without-basic-constraints': /certificate 2 of its chain is not one of a CA/,
  'intermediate-without-key-cert-sign': /certificate 2 of its chain lacks the key usage keyCertSign/,
  'intermediate-expired': /certificate 2 of its chain has expired/,
  'intermediate-not-yet-valid': /certificate 2 of its chain is not yet valid/,
  'intermediate-for-servers-only': /certificate 2 of its chain lacks the extended key usage clientAuth/,
  'path-length-violated': /certificate 3 of its chain allows 0 intermediates below it, and the chain has 1/,
  'path-length-of-the-root-violated': /its root allows 0 intermediates below it, and the chain has 1/,
  'signature-tampered': /its certificate is not signed by certificate 2/,
  'signature-algorithm-weak': /the signature algorithm 1\.2\.840\.113549\.1\.1\.5 is not supported/,
  'signature-algorithm-other-than-signed': /not a certificate: it names two different signature algorithms/,
  'der-garbage': /its certificate is not a certificate/,
  'der-cut-off': /its certificate is not a certificate: an element is longer than what holds it/,
  'der-with-bytes-after-the-end': /its certificate is not a certificate: there are bytes after the end/,
  'der-of-version-1': /its certificate is not a certificate: it is not of version 3/,
  'der-of-version-2': /its certificate is not a certificate: it is not of version 3/,
  'der-with-a-negative-serial': /its certificate is not a certificate: its serial number is negative/,
  'der-garbage-in-the-intermediate': /certificate 2 of its chain is not a certificate/,
};

test('every vector has its expectation, and the other way round', () => {
  assert.deepEqual(vectorNames(), Object.keys(VECTORS).sort());
});

describe('of the answers of a CA', () => {
  for (const [name, expected] of Object.entries(VECTORS)) {
    if (typeof expected === 'number') {
      test(`${name} is accepted, and ${expected} certificates are served`, () => {
        const { chainPem } = verifyIssuance({ ...right, chain: loadChain(name) });
        assert.deepEqual(parsePem(chainPem.toString(), 'CERTIFICATE'), loadChain(name).slice(0, expected));
      });
    } else {
      test(`${name} is refused`, () => {
        const attempt = () => verifyIssuance({ ...right, chain: loadChain(name) });
        assert.throws(attempt, { code: 'ca-answer-invalid', message: expected });
        assert.throws(attempt, /^AgentError: the CA's answer is refused: /);
      });
    }
  }

  test('an empty chain is refused', () => {
    const attempt = () => verifyIssuance({ ...right, chain: [] });
    assert.throws(attempt, { code: 'ca-answer-invalid', message: /its chain is empty/ });
  });

  test('a good chain is refused without roots, and with roots that are none', () => {
    for (const others of [[], [Buffer.from('nothing')]]) {
      const attempt = () => verifyIssuance({ ...right, chain: loadChain('good'), roots: others });
      assert.throws(attempt, { code: 'ca-answer-invalid', message: /does not reach any of the 0 trusted roots/ });
    }
  });

  test('a chain under an intermediate that is itself trusted is good, a leaf that is itself trusted is not', () => {
    const [leaf = new Uint8Array(), intermediate = new Uint8Array()] = loadChain('good');
    verifyIssuance({ ...right, chain: [leaf, intermediate], roots: [intermediate] });
    assert.throws(() => verifyIssuance({ ...right, chain: [leaf], roots: [leaf] }), /does not reach any/);
  });

  test('a good chain is refused for another identity or another key', async () => {
    const other = serviceAccountId('cluster.local', 'shop', 'we');
    assert.throws(() => verifyIssuance({ ...right, chain: loadChain('good'), spiffeId: other }), /instead of/);
    const { publicKeyDer } = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
    assert.throws(() => verifyIssuance({ ...right, chain: loadChain('good'), publicKeyDer }), /another key/);
  });

  test('a good chain is good from its first to before its last moment', () => {
    const attempt = (atMs: number) => () => verifyIssuance({ ...right, chain: loadChain('good'), nowMs: atMs });
    assert.throws(attempt(utcMs(2030, 1, 1) - 1), /not yet valid/);
    assert.doesNotThrow(attempt(utcMs(2030, 1, 1)));
    assert.doesNotThrow(attempt(utcMs(2031, 1, 1) - 1));
    assert.throws(attempt(utcMs(2031, 1, 1)), /expired/);
  });
});

test('what is reported of a good chain is the leaf, and the version is of the chain alone', () => {
  const issuance = verifyIssuance({ ...right, chain: loadChain('good') });
  const leaf = new X509Certificate(issuance.chainPem);
  assert.equal(issuance.serial, leaf.serialNumber.toLowerCase());
  assert.equal(issuance.notBeforeMs, utcMs(2030, 1, 1));
  assert.equal(issuance.notAfterMs, utcMs(2031, 1, 1));
  assert.equal(issuance.version, sha256Hex(toPemBundle('CERTIFICATE', loadChain('good'))).slice(0, 32));
  const later = verifyIssuance({
    ...right,
    chain: loadChain('good-with-its-root'),
    nowMs: nowMs + 1,
    roots: roots.slice(0, 1),
  });
  assert.equal(later.version, issuance.version);
});

test('no chain with a single byte changed is ever accepted', () => {
  const chain = loadChain('good');
  const place = fc.nat(1).chain((which) => fc.tuple(fc.constant(which), fc.nat((chain[which]?.length ?? 1) - 1)));
  fc.assert(
    fc.property(place, fc.integer({ min: 1, max: 255 }), ([which, at], change) => {
      const changed = chain.map((der, index) => {
        const copy = Uint8Array.from(der);
        if (index === which) copy[at] = (copy[at] ?? 0) ^ change;
        return copy;
      });
      assert.throws(
        () => verifyIssuance({ ...right, chain: changed }),
        (error) => error instanceof AgentError,
      );
    }),
    { numRuns: 2000 },
  );
});

test('a certificate that was cut, stretched or scrambled is read or refused, never anything else', () => {
  const [der = new Uint8Array()] = loadChain('good');
  const piece = fc.tuple(fc.nat(der.length), fc.nat(40), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (pieces) => {
      let bytes = Buffer.from(der);
      for (const [at, cut, added] of pieces)
        bytes = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + cut)]);
      try {
        parseCertificate(bytes);
      } catch (error) {
        assert.ok(error instanceof AgentError && error.code === 'ca-answer-invalid', String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
