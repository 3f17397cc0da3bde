import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { parseCaAddress } from '../../../src/ca-providers/citadel/parse-ca-address.ts';
import { toPem } from '../../../src/keys/pem.ts';
import { loadCitadel, TLS } from './citadel-world.ts';

const SECRET = 'Basic dXNlcjpwYXNzd29yZA==\u00a0';
let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'citadel-settings-'));
  const { cert } = await TLS;
  await writeFile(join(directory, 'good.pem'), cert);
  await writeFile(join(directory, 'half.pem'), cert.slice(0, cert.length / 2));
  await writeFile(join(directory, 'empty.pem'), '');
  await writeFile(join(directory, 'none.pem'), toPem('CERTIFICATE', Buffer.from('x')));
});
after(() => rm(directory, { recursive: true }));

const ADDRESSES: readonly { readonly text: string; readonly target: string; readonly host: string | undefined }[] = [
  {
    text: 'istiod.istio-system.svc:15012',
    target: 'dns:istiod.istio-system.svc:15012',
    host: 'istiod.istio-system.svc',
  },
  { text: '10.0.0.7:443', target: 'dns:10.0.0.7:443', host: '10.0.0.7' },
  { text: '[fd00::7]:443', target: 'dns:[fd00::7]:443', host: 'fd00::7' },
  { text: 'unix:/run/ca.sock', target: 'unix:/run/ca.sock', host: undefined },
  { text: 'unix:///run/ca.sock', target: 'unix:///run/ca.sock', host: undefined },
];

for (const { text, target, host } of ADDRESSES) {
  test(`CA_ADDR can be ${text}`, () => assert.deepEqual(parseCaAddress(text), { target, host }));
}

const WRONG_ADDRESSES = [
  'istiod',
  'istiod:0',
  'istiod:65536',
  'https://istiod:443',
  'istiod:443/path',
  'fd00::7:443',
  'unix:',
  'unix:run/ca.sock',
  'unix://run/ca.sock',
  'is tiod:443',
];

for (const text of WRONG_ADDRESSES) {
  test(`CA_ADDR cannot be ${text}`, () => {
    assert.throws(() => parseCaAddress(text), {
      code: 'settings-invalid',
      message: /^CA_ADDR is ".*"; allowed is host:port/,
    });
  });
}

const ADDRESS = { CA_ADDR: 'localhost:15012' };
const FAULTS: readonly { readonly what: string; readonly env: Record<string, string>; readonly message: RegExp }[] = [
  {
    what: 'TLS for a unix socket',
    env: { CA_ADDR: 'unix:/x', CA_SERVER_NAME: 'x' },
    message: /CA_ROOT_CA and CA_SERVER_NAME.*unix/,
  },
  {
    what: 'a root file that is not there',
    env: { ...ADDRESS, CA_ROOT_CA: 'missing.pem' },
    message: /CA_ROOT_CA, ".*missing\.pem".*ENOENT/,
  },
  { what: 'half a root file', env: { ...ADDRESS, CA_ROOT_CA: 'half.pem' }, message: /CA_ROOT_CA.*half\.pem.*cut off/ },
  {
    what: 'an empty root file',
    env: { ...ADDRESS, CA_ROOT_CA: 'empty.pem' },
    message: /CA_ROOT_CA.*empty\.pem.*no block/,
  },
  {
    what: 'a root file with something else',
    env: { ...ADDRESS, CA_ROOT_CA: 'none.pem' },
    message: /CA_ROOT_CA.*none\.pem.*not a certificate/,
  },
  {
    what: 'a cluster that no header can carry',
    env: { ...ADDRESS, CLUSTER_ID: 'a\nb' },
    message: /^CLUSTER_ID is "a\\nb"/,
  },
  { what: 'a header that no header can be', env: { ...ADDRESS, 'CA_HEADER_A B': 'x' }, message: /^"CA_HEADER_A B"/ },
  {
    what: 'the header of the token',
    env: { ...ADDRESS, CA_HEADER_AUTHORIZATION: 'x' },
    message: /^CA_HEADER_AUTHORIZATION.*remove it/,
  },
  { what: 'a header of gRPC', env: { ...ADDRESS, 'CA_HEADER_GRPC-TIMEOUT': 'x' }, message: /^CA_HEADER_GRPC-TIMEOUT/ },
  {
    what: 'a value that no header can carry',
    env: { ...ADDRESS, CA_HEADER_KEY: SECRET },
    message: /CA_HEADER_KEY cannot be/,
  },
];

for (const { what, env, message } of FAULTS) {
  test(`${what} is settings-invalid, and the setting is named`, async () => {
    const { CA_ROOT_CA } = env;
    const placed = CA_ROOT_CA === undefined ? env : { ...env, CA_ROOT_CA: join(directory, CA_ROOT_CA) };
    await assert.rejects(loadCitadel(placed), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'settings-invalid');
      assert.match(error.message, message);
      assert.ok(!inspect(error, { depth: 10 }).includes('dXNlcjpwYXNzd29yZA'), 'a header can be a password');
      return true;
    });
  });
}

test('a good root file, a cluster and headers are settings that go together', async () => {
  const env = { ...ADDRESS, CA_ROOT_CA: join(directory, 'good.pem'), CLUSTER_ID: 'east', CA_HEADER_KEY: 'x' };
  assert.equal((await loadCitadel(env)).name, 'Citadel');
});
