import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../../src/core/caller.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { FileSecretNames } from '../../src/file-secrets/file-secret-names.ts';
import { FakeClock, minutes } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const DIRECTORIES = ['/etc/certs', '/etc/tenants/{namespace}'];

function callerOf(spiffeId: string): Caller {
  const id = parseSpiffeId(spiffeId);
  return { identity: { spiffeId: id, key: id }, token: new Redacted(''), tokenExpiresAtMs: 0 };
}

const WEB = callerOf('spiffe://cluster.local/ns/shop/sa/web');

function resolve(name: string, caller = WEB, directories: readonly string[] = DIRECTORIES) {
  return new FileSecretNames(directories, new FakeClock(), new RecordingLog()).resolve(name, caller);
}

test("Istio's names stand for files in the directories", () => {
  const directories = ['/etc/certs', '/etc/tenants/shop'];
  assert.deepEqual(resolve('file-cert:/etc/certs/tls.crt~/etc/certs/tls.key'), {
    kind: 'file-certificate',
    chainPath: '/etc/certs/tls.crt',
    keyPath: '/etc/certs/tls.key',
    directories,
  });
  const root = { kind: 'file-bundle', path: '/etc/certs/deep/er/ca.crt', directories };
  assert.deepEqual(resolve('file-root:/etc/certs/deep/er/ca.crt'), root);
  assert.deepEqual(resolve('file-root:system'), { kind: 'file-bundle', path: 'system' });
});

test('without directories there are no such names', () => {
  for (const name of ['file-cert:/etc/certs/a~/etc/certs/b', 'file-root:/etc/certs/a', 'file-root:system']) {
    assert.equal(resolve(name, WEB, []), undefined);
  }
});

test("{namespace} is the caller's, and no other's", () => {
  const own = 'file-root:/etc/tenants/shop/ca.crt';
  assert.notEqual(resolve(own), undefined);
  assert.equal(resolve(own, callerOf('spiffe://cluster.local/ns/bank/sa/web')), undefined);
  assert.equal(resolve('file-root:/etc/tenants/{namespace}/ca.crt'), undefined);
  for (const id of [
    'spiffe://cluster.local/web',
    'spiffe://cluster.local/ns/shop/sa/web/more',
    'spiffe://td/x/ns/shop/sa/web',
  ]) {
    assert.equal(resolve(own, callerOf(id)), undefined, id);
    assert.notEqual(resolve('file-root:/etc/certs/ca.crt', callerOf(id)), undefined, id);
  }
});

const GOOD = '/etc/certs/tls.crt';
const ATTACKS: readonly string[] = [
  'file-cert:/etc/certs/../shadow~/etc/certs/tls.key',
  'file-cert:/etc/certs/tls.crt~/etc/certs/../../root/.ssh/id_rsa',
  'file-root:/etc/certs/./ca.crt',
  'file-root:/etc/certs/a/../../shadow',
  'file-root:/etc/certs/..',
  'file-root:/etc/certs/..data/../../../etc/shadow',
  'file-root:/etc/certs',
  'file-root:/etc/certs/',
  'file-root:/etc/certs//ca.crt',
  'file-root:/etc/certsx/ca.crt',
  'file-root:/etc/certs-private/ca.crt',
  'file-root:/etc/shadow',
  'file-root://etc/certs/ca.crt',
  'file-root:etc/certs/ca.crt',
  'file-root:./etc/certs/ca.crt',
  'file-root:~/etc/certs/ca.crt',
  'file-root:/proc/self/root/etc/certs/ca.crt',
  'file-root:/etc/certs/ca.crt\0.pem',
  'file-root:/etc/certs/ca.crt\n',
  'file-root:/ETC/CERTS/ca.crt',
  'file-root:file:///etc/certs/ca.crt',
  'file-root:%2fetc%2fcerts%2fca.crt',
  'file-root:/etc%2fcerts/ca.crt',
  'file-root:\\etc\\certs\\ca.crt',
  'file-root: /etc/certs/ca.crt',
  `file-root:/etc/certs/${'a/'.repeat(3000)}b`,
  'file-root:System',
  'file-root:system~system',
  'file-root:',
  'file-root:*',
  'file-root:/*',
  'file-cert:*',
  'file-cert:',
  'file-cert:~',
  'file-cert:system',
  'file-cert:system~system',
  `file-cert:${GOOD}`,
  `file-cert:${GOOD}~`,
  `file-cert:~${GOOD}`,
  `file-cert:${GOOD}~${GOOD}~${GOOD}`,
  `file-root:${GOOD}~${GOOD}`,
  `file-cert:${GOOD}~/etc/tenants/bank/tls.key`,
  `FILE-CERT:${GOOD}~${GOOD}`,
  `file-certs:${GOOD}~${GOOD}`,
  ` file-root:${GOOD}`,
  '*',
];

for (const name of ATTACKS) {
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  test(`${shown} means nothing`, () => assert.equal(resolve(name), undefined));
}

test('names that look encoded or like a pattern are looked for as they are written', () => {
  for (const path of ['/etc/certs/%2e%2e%2fshadow', '/etc/certs/*', '/etc/certs/..data/tls.crt', '/etc/certs/...']) {
    assert.deepEqual(resolve(`file-root:${path}`), {
      kind: 'file-bundle',
      path,
      directories: ['/etc/certs', '/etc/tenants/shop'],
    });
  }
});

test('who asks for files outside is in the log, once in a minute', async () => {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const names = new FileSecretNames(DIRECTORIES, clock, log);
  for (let count = 0; count < 100; count++) names.resolve(`file-root:/etc/shadow${count}`, WEB);
  names.resolve('file-root:/etc/certs/ca.crt', WEB);
  names.resolve('any-other-name', WEB);
  await clock.advance(minutes(1));
  names.resolve('file-root:/etc/shadow', WEB);
  assert.deepEqual(
    log.events.map(({ level, fields }) => [level, fields]),
    [
      ['warn', { name: 'file-root:/etc/shadow0', spiffeId: WEB.identity.spiffeId }],
      ['warn', { name: 'file-root:/etc/shadow', spiffeId: WEB.identity.spiffeId, othersToo: 99 }],
    ],
  );
});
