import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../../src/core/caller.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { GatewaySecretNames } from '../../src/gateway-secrets/gateway-secret-names.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

function callerOf(spiffeId: string): Caller {
  const id = parseSpiffeId(spiffeId);
  return { identity: { spiffeId: id, key: id }, token: new Redacted(''), tokenExpiresAtMs: 0 };
}

const GATEWAY = callerOf('spiffe://cluster.local/ns/istio-system/sa/ingressgateway');

function resolve(name: string, caller = GATEWAY, log = new RecordingLog()) {
  return new GatewaySecretNames('istio-system', new FakeClock(), log).resolve(name, caller);
}

const NAMES = {
  shop: 'shop',
  'shop.example.com': 'shop.example.com',
  'kubernetes://shop': 'shop',
  'kubernetes://istio-system/shop': 'shop',
  'kubernetes-gateway://istio-system/shop': 'shop',
};

for (const [name, secretName] of Object.entries(NAMES)) {
  test(`${name} stands for a certificate, and ${name}-cacert for its roots`, () => {
    assert.deepEqual(resolve(name), { kind: 'gateway-certificate', secretName });
    assert.deepEqual(resolve(`${name}-cacert`), { kind: 'gateway-bundle', secretName: `${secretName}-cacert` });
  });
}

const NOTHING = [
  'kubernetes://other/shop',
  'kubernetes-gateway://other/shop',
  'kubernetes-gateway://shop',
  'kubernetes://istio-system/shop/more',
  'kubernetes:///shop',
  'kubernetes://',
  'kubernetes://..',
  'kubernetes://../shop',
  'kubernetes://istio-system/../shop',
  'kubernetes://istio-system%2fshop',
  'istio-system/shop',
  'other/shop',
  'kubernetes:shop',
  'configmap://istio-system/shop',
  'invalid://shop',
  'builtin://',
  'file-cert:/etc/a~/etc/b',
  'file-root:system',
  'spiffe://cluster.local/ns/istio-system/sa/other',
  'Shop',
  'shop_1',
  '-shop',
  'shop-',
  '*',
  'kubernetes://*',
  'shop\n',
  'shop?labelSelector=x',
  '',
  '-cacert',
  'x'.repeat(254),
];

for (const name of NOTHING) {
  test(`${JSON.stringify(name.slice(0, 60))} means nothing`, () => assert.equal(resolve(name), undefined));
}

for (const id of [
  'spiffe://cluster.local/ns/shop/sa/ingressgateway',
  'spiffe://cluster.local/ns/istio-system-2/sa/ingressgateway',
  'spiffe://cluster.local/istio-system',
]) {
  test(`to ${id} no name means anything, and the log says so once`, () => {
    const log = new RecordingLog();
    const names = new GatewaySecretNames('istio-system', new FakeClock(), log);
    for (const name of [...Object.keys(NAMES), 'shop-cacert'])
      assert.equal(names.resolve(name, callerOf(id)), undefined);
    assert.deepEqual(
      log.events.map(({ level, fields }) => [level, fields]),
      [['warn', { spiffeId: id, namespace: 'istio-system' }]],
    );
  });
}
