import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { createKeyPair, parsePrivateKey } from '../../src/keys/key-pair.ts';

const table: readonly { spec: KeySpec; details: object; digest: string; traditional: string }[] = [
  {
    spec: { algorithm: 'ecdsa', curve: 'P256' },
    details: { namedCurve: 'prime256v1' },
    digest: 'sha256',
    traditional: 'EC',
  },
  {
    spec: { algorithm: 'ecdsa', curve: 'P384' },
    details: { namedCurve: 'secp384r1' },
    digest: 'sha384',
    traditional: 'EC',
  },
  {
    spec: { algorithm: 'rsa', bits: 2048 },
    details: { modulusLength: 2048, publicExponent: 65537n },
    digest: 'sha256',
    traditional: 'RSA',
  },
];

for (const { spec, details, digest, traditional } of table) {
  describe(`a key of ${inspect(spec)}`, () => {
    test('is what was asked for, and new each time', async () => {
      const keyPair = await createKeyPair(spec);
      const publicKey = createPublicKey({ key: Buffer.from(keyPair.publicKeyDer), format: 'der', type: 'spki' });
      assert.deepEqual(publicKey.asymmetricKeyDetails, details);
      assert.notDeepEqual((await createKeyPair(spec)).publicKeyDer, keyPair.publicKeyDer);
    });

    test('has a public half in DER that is as OpenSSL writes it', async () => {
      const keyPair = await createKeyPair(spec);
      const publicKey = createPublicKey(keyPair.privateKeyPem('pkcs8').reveal());
      assert.deepEqual(Buffer.from(keyPair.publicKeyDer), publicKey.export({ type: 'spki', format: 'der' }));
    });

    test('is written in both encodings, which hold the same key', async () => {
      const keyPair = await createKeyPair(spec);
      const pkcs8 = keyPair.privateKeyPem('pkcs8').reveal().toString();
      const older = keyPair.privateKeyPem('traditional').reveal().toString();
      assert.match(pkcs8, /^-----BEGIN PRIVATE KEY-----\n[^-]+\n-----END PRIVATE KEY-----\n$/);
      assert.match(
        older,
        new RegExp(`^-----BEGIN ${traditional} PRIVATE KEY-----\n[^-]+\n-----END ${traditional} PRIVATE KEY-----\n$`),
      );
      for (const pem of [pkcs8, older]) {
        const publicKey = createPublicKey(createPrivateKey(pem));
        assert.deepEqual(publicKey.export({ type: 'spki', format: 'der' }), Buffer.from(keyPair.publicKeyDer));
        assert.deepEqual(parsePrivateKey(new Redacted(pem)).publicKeyDer, keyPair.publicKeyDer);
      }
    });

    test('signs with the digest that belongs to it', async () => {
      const keyPair = await createKeyPair(spec);
      const publicKey = createPublicKey({ key: Buffer.from(keyPair.publicKeyDer), format: 'der', type: 'spki' });
      const data = Buffer.from('something');
      assert.equal(verify(digest, data, publicKey, keyPair.sign(data)), true);
    });

    test('is not shown by inspect, JSON or string conversion', async () => {
      const keyPair = await createKeyPair(spec);
      const pem = keyPair.privateKeyPem('pkcs8');
      const shown = [
        inspect({ keyPair, pem }, { depth: 20, showHidden: true }),
        JSON.stringify({ keyPair, pem }),
        `${pem}`,
      ];
      const secret = pem.reveal().toString().split('\n').slice(1, -2).join('');
      for (const text of shown) {
        assert.doesNotMatch(text, /PRIVATE KEY/);
        // The first 36 characters say what kind of key it is, and are not secret.
        assert.ok(!text.replace(/\s/g, '').includes(secret.slice(40, 80)));
      }
    });
  });
}

test('a private key that cannot be read is an error that does not show it', () => {
  const pem = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0IHNlY3JldCBzZWNyZXQ=\n-----END PRIVATE KEY-----\n';
  assert.throws(
    () => parsePrivateKey(new Redacted(pem)),
    (error) => {
      assert.doesNotMatch(inspect(error, { depth: 10 }), /c2Vjcm|secret/);
      return true;
    },
  );
});

test('keys can be made in any number while garbage is collected', () => {
  const module = new URL('../../src/keys/key-pair.js', import.meta.url);
  const make = `
    const { createKeyPair } = await import(${JSON.stringify(module)});
    for (let made = 0; made < 5_000; made++) await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  `;
  // A small young generation is collected often. Node 20 hung for good within two thousand generated key objects.
  const args = ['--max-semi-space-size=1', '--input-type=module', '-e', make];
  const { status, signal } = spawnSync(process.execPath, args, { timeout: 60_000, stdio: 'inherit' });
  assert.deepEqual({ status, signal }, { status: 0, signal: null });
});
