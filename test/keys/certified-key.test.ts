import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { signCertificate } from '../../src/keys/certificate-builder.ts';
import { serverTemplate } from '../../src/keys/certificate-profiles.ts';
import { type CertifiedKey, parseCertifiedKey } from '../../src/keys/certified-key.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { writeName } from '../../src/keys/name.ts';
import { toPem } from '../../src/keys/pem.ts';
import { days } from '../fakes/fake-clock.ts';
import { WebCa } from '../fakes/web-ca.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const ca = await WebCa.create(NOW_MS);
const pair = await ca.issue('shop.example.com', NOW_MS, NOW_MS + days(90));
const other = await ca.issue('shop.example.com', NOW_MS, NOW_MS + days(90));
const [leaf = '', intermediate = ''] = pair.chain.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g) ?? [];

function parse(chain: string, key: string): CertifiedKey {
  return parseCertifiedKey({ chain, key: new Redacted(key) });
}

/** A certificate for a public key of any kind; it is signed by another key, which nobody looks at here. */
async function certify(publicKeyDer: Uint8Array): Promise<string> {
  const issuer = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const issuerName = { subjectDer: writeName({ commonName: 'somebody' }), publicKeyDer: issuer.publicKeyDer };
  const subject = { names: [{ kind: 'dns', value: 'a.example.com' } as const], publicKeyDer };
  const validity = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + days(1) };
  return toPem('CERTIFICATE', signCertificate(serverTemplate(subject, issuerName, validity), issuer));
}

test('a chain and its key are read, in the order of the chain, the key as PKCS#8', () => {
  const read = parse(`text before\n${leaf}\n\n${intermediate}`, pair.key);
  assert.equal(String(read.chainPem), leaf + intermediate);
  assert.match(String(read.privateKeyPem.reveal()), /^-----BEGIN PRIVATE KEY-----/);
  assert.equal(read.serial, new X509Certificate(leaf).serialNumber.toLowerCase());
  assert.equal(read.notAfterMs, NOW_MS + days(90));
});

test('equal content has an equal version, however it is written', () => {
  const { version } = parse(pair.chain, pair.key);
  assert.match(version, /^[0-9a-f]{32}$/);
  assert.equal(parse(`\n${pair.chain.replaceAll('\n', '\r\n')}`, pair.key).version, version);
  assert.notEqual(parse(leaf, pair.key).version, version);
});

const KINDS = {
  'an RSA key': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'a P-384 key': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'a P-521 key': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
};

for (const [what, generate] of Object.entries(KINDS)) {
  test(`${what} is taken, in each of its encodings`, async () => {
    const { privateKey, publicKey } = generate();
    const chain = await certify(publicKey.export({ type: 'spki', format: 'der' }));
    const traditional = privateKey.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
    const pkcs8 = parse(chain, String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
    const older = parse(chain, String(privateKey.export({ type: traditional, format: 'pem' })));
    assert.deepEqual(older.privateKeyPem.reveal(), pkcs8.privateKeyPem.reveal());
  });
}

test('a key file that begins with its curve, as openssl ecparam writes it, is taken', () => {
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  parse(pair.chain, parameters + pair.key);
});

const { privateKey: lockedKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const locked = String(
  lockedKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'a passphrase' }),
);
const REFUSED: Readonly<Record<string, readonly [chain: string, key: string, why: RegExp]>> = {
  'a key of another certificate': [pair.chain, other.key, /do not belong together/],
  'a chain in the wrong order': [intermediate + leaf, pair.key, /wrong order/],
  'no certificate': ['', pair.key, /there is no block/],
  'no key': [pair.chain, '', /private key cannot be read/],
  'a certificate that is cut off': [pair.chain.slice(0, -30), pair.key, /cut off or damaged/],
  'a key that is cut off': [pair.chain, pair.key.slice(0, 100), /private key cannot be read/],
  'a key with a passphrase': [pair.chain, locked, /without a passphrase/],
  'a key among the certificates': [pair.chain + pair.key, pair.key, /there is a block of/],
  'what is no certificate in its block': [toPem('CERTIFICATE', Buffer.from('no')), pair.key, /not a certificate/],
  'more certificates than any chain has': [leaf.repeat(11), pair.key, /there are 11 of them/],
  'certificate and key the wrong way round': [pair.key, pair.chain, /there is a block of/],
};

for (const [what, [chain, key, why]] of Object.entries(REFUSED)) {
  test(`${what} is refused, without a piece of the key`, () => {
    assert.throws(
      () => parse(chain, key),
      (thrown) => {
        assert.ok(thrown instanceof AgentError);
        assert.equal(thrown.code, 'secret-unusable');
        assert.match(thrown.message, why);
        for (const line of pair.key.split('\n').filter((text) => text.length > 20 && !text.startsWith('-'))) {
          assert.ok(!thrown.message.includes(line.slice(0, 20)));
        }
        assert.equal(thrown.cause, undefined);
        return true;
      },
    );
  });
}

const USELESS = {
  'an RSA key of 1024 bits': [() => generateKeyPairSync('rsa', { modulusLength: 1024 }), /too short for Envoy/],
  'an Ed25519 key': [() => generateKeyPairSync('ed25519'), /no use for keys of ed25519/],
  'a key on another curve': [
    () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    /no use for keys of secp256k1/,
  ],
} as const;

for (const [what, [generate, why]] of Object.entries(USELESS)) {
  test(`${what} is refused, as Envoy would refuse it`, async () => {
    const { privateKey, publicKey } = generate();
    const chain = await certify(publicKey.export({ type: 'spki', format: 'der' }));
    assert.throws(() => parse(chain, String(privateKey.export({ type: 'pkcs8', format: 'pem' }))), why);
  });
}
