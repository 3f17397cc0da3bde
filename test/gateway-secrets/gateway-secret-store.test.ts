import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { GATEWAY_LABEL } from '../../src/core/kubernetes-secrets.ts';
import type { GatewayRef, Secret } from '../../src/core/secret.ts';
import type { ForeignState } from '../../src/core/status-report.ts';
import { GatewaySecretStore } from '../../src/gateway-secrets/gateway-secret-store.ts';
import { GatewaySecretsInformer } from '../../src/kubernetes/gateway-secrets-informer.ts';
import { days, hours, minutes, seconds } from '../fakes/fake-clock.ts';
import { type PemPair, WebCa } from '../fakes/web-ca.ts';
import { KubernetesWorld } from '../kubernetes/kubernetes-world.ts';
import { eventually } from '../transport/eventually.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const ca = await WebCa.create(NOW_MS);
const issue = (fromMs = -hours(1), toMs = days(90)): Promise<PemPair> =>
  ca.issue('shop.example.com', NOW_MS + fromMs, NOW_MS + toMs);
const [first, second] = [await issue(), await issue()];

const TLS = 'kubernetes.io/tls';
const LABELLED = { [GATEWAY_LABEL]: 'true' };
const CERTIFICATE: GatewayRef = { kind: 'gateway-certificate', secretName: 'shop' };
const ROOTS: GatewayRef = { kind: 'gateway-bundle', secretName: 'shop-cacert' };

type Parts = Readonly<Record<string, string>>;

function tlsParts({ chain, key }: PemPair): Parts {
  return { 'tls.crt': chain, 'tls.key': key };
}

/** A store on the Secrets of one namespace of an API server. */
class GatewayWorld implements AsyncDisposable {
  readonly kubernetes: KubernetesWorld;
  readonly store: GatewaySecretStore;
  changes = 0;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(kubernetes: KubernetesWorld) {
    this.kubernetes = kubernetes;
    const { client, clock, log } = kubernetes;
    const secrets = new GatewaySecretsInformer({ client, namespace: 'gateways', clock, log, random: () => 0.5 });
    this.store = new GatewaySecretStore({ secrets, clock, log, forgetAfterMs: minutes(10) });
    this.#running = this.store.run(this.#stop.signal);
  }

  static async start(prepare: (world: KubernetesWorld) => void = () => undefined): Promise<GatewayWorld> {
    const kubernetes = await KubernetesWorld.start();
    prepare(kubernetes);
    return new GatewayWorld(kubernetes);
  }

  static async watching(): Promise<GatewayWorld> {
    const world = await GatewayWorld.start();
    await eventually('both watches are open', () => world.kubernetes.api.watches === 2);
    return world;
  }

  put(parts: Parts, { name = 'shop', namespace = 'gateways', type = TLS, labels = {} } = {}): void {
    putSecret(this.kubernetes, parts, { name, namespace, type, labels });
  }

  subscribe(ref: GatewayRef) {
    return this.store.subscribe(ref, { changed: () => this.changes++, reauthenticate: () => undefined });
  }

  stateOf(ref: GatewayRef): ForeignState | undefined {
    return this.store.status().find(({ kind }) => kind === ref.kind)?.state;
  }

  async untilState(ref: GatewayRef, state: ForeignState, reason = /./): Promise<void> {
    await eventually(`it is ${state}, ${reason}`, () => {
      const found = this.store.status().find(({ kind }) => kind === ref.kind);
      return found?.state === state && (state === 'ready' || reason.test(found.lastError?.message ?? ''));
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.kubernetes[Symbol.asyncDispose]();
  }
}

interface Where {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
}

function putSecret({ api }: KubernetesWorld, parts: Parts, { name, namespace, type, labels }: Where): void {
  const data = Object.fromEntries(
    Object.entries(parts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  api.store('secrets').put({ namespace, name, labels, fields: { type, data } });
}

function chainOf(secret: Secret | undefined): string {
  return secret?.kind === 'gateway-certificate' ? String(secret.chainPem) : '';
}

test('a Secret that is there is served at once when somebody asks, and nobody is called back for it', async () => {
  await using world = await GatewayWorld.watching();
  world.put(tlsParts(first));
  await eventually('it is served', () => {
    using _subscription = world.subscribe(CERTIFICATE);
    return chainOf(world.store.peek(CERTIFICATE)) === first.chain;
  });
  assert.equal(world.changes, 0);
});

test('who asks before the Secrets are known is told when they are', async () => {
  await using world = await GatewayWorld.start((kubernetes) => {
    putSecret(kubernetes, tlsParts(first), { name: 'shop', namespace: 'gateways', type: TLS, labels: {} });
  });
  world.subscribe(CERTIFICATE);
  assert.equal(world.store.peek(CERTIFICATE), undefined);
  assert.equal(world.store.status()[0]?.lastError, undefined, 'nothing is missing yet');
  await world.untilState(CERTIFICATE, 'ready');
  assert.equal(world.changes, 1);
});

test('a Secret that is not there is waited for in silence, and a change of it is told once', async () => {
  await using world = await GatewayWorld.watching();
  world.subscribe(CERTIFICATE);
  await world.untilState(CERTIFICATE, 'wanted', /Secret shop in namespace gateways is not there/);
  world.put(tlsParts(first));
  await world.untilState(CERTIFICATE, 'ready');
  world.put(tlsParts(second));
  await eventually('the second is served', () => chainOf(world.store.peek(CERTIFICATE)) === second.chain);
  assert.equal(world.changes, 2);
});

test('a deleted Secret is not taken away and shows as gone; nobody new is given it, until it is back', async () => {
  await using world = await GatewayWorld.watching();
  world.put(tlsParts(first));
  const subscription = world.subscribe(CERTIFICATE);
  await world.untilState(CERTIFICATE, 'ready');
  world.kubernetes.api.store('secrets').delete('gateways', 'shop');
  await world.untilState(CERTIFICATE, 'gone');
  assert.equal(world.changes, 1, 'nothing is said to those that have it');
  assert.equal(world.store.peek(CERTIFICATE), undefined);
  world.put(tlsParts(first));
  await world.untilState(CERTIFICATE, 'ready');
  assert.equal(chainOf(world.store.peek(CERTIFICATE)), first.chain);
  subscription[Symbol.dispose]();
});

const PAIRS: Readonly<Record<string, Parts>> = {
  'tls.crt and tls.key': tlsParts(first),
  'cert and key': { cert: first.chain, key: first.key },
  'cert and key before tls.crt and tls.key': { cert: first.chain, key: first.key, ...tlsParts(second) },
};

for (const [what, parts] of Object.entries(PAIRS)) {
  test(`a certificate is found in ${what}`, async () => {
    await using world = await GatewayWorld.watching();
    world.put(parts, { type: 'Opaque', labels: LABELLED });
    world.subscribe(CERTIFICATE);
    await world.untilState(CERTIFICATE, 'ready');
    assert.equal(chainOf(world.store.peek(CERTIFICATE)), first.chain);
  });
}

const ROOT_PLACES: Readonly<Record<string, readonly [name: string, key: string]>> = {
  'cacert of their own Secret': ['shop-cacert', 'cacert'],
  'ca.crt of their own Secret': ['shop-cacert', 'ca.crt'],
  "cacert of the certificate's Secret": ['shop', 'cacert'],
  "ca.crt of the certificate's Secret": ['shop', 'ca.crt'],
};

for (const [what, [name, key]] of Object.entries(ROOT_PLACES)) {
  test(`roots are found in ${what}`, async () => {
    await using world = await GatewayWorld.watching();
    world.subscribe(ROOTS);
    world.put({ ...tlsParts(first), [key]: ca.rootPem }, { name });
    await world.untilState(ROOTS, 'ready');
    const secret = world.store.peek(ROOTS);
    assert.equal(secret?.kind === 'gateway-bundle' && String(secret.rootsPem), ca.rootPem);
  });
}

const NEVER: Readonly<Record<string, Partial<Where>>> = {
  'a Secret of another namespace': { namespace: 'other' },
  'an opaque Secret without the label': { type: 'Opaque' },
  'a Secret whose label is not true': { type: 'Opaque', labels: { [GATEWAY_LABEL]: 'false' } },
  "a service account's token": { type: 'kubernetes.io/service-account-token' },
};

for (const [what, where] of Object.entries(NEVER)) {
  test(`${what} is never served, nor asked for`, async () => {
    await using world = await GatewayWorld.watching();
    world.put(tlsParts(first), where);
    world.subscribe(CERTIFICATE);
    // What comes later on both watches says that this one was passed over.
    world.put(tlsParts(second), { name: 'last', labels: LABELLED });
    const last: GatewayRef = { kind: 'gateway-certificate', secretName: 'last' };
    await eventually('the last one is known', () => {
      using _subscription = world.subscribe(last);
      return world.store.peek(last) !== undefined;
    });
    assert.equal(world.store.peek(CERTIFICATE), undefined);
    for (const { access, path, query } of world.kubernetes.api.seen) {
      assert.match(access, /^(list|watch) secrets$/);
      assert.equal(path, '/api/v1/namespaces/gateways/secrets');
      const selector = query.get('fieldSelector') ?? query.get('labelSelector');
      assert.match(selector ?? '', /^(type=kubernetes\.io\/tls|sds-node-agent\/gateway-secret=true)$/);
    }
  });
}

test('a Secret that loses its label is gone', async () => {
  await using world = await GatewayWorld.watching();
  world.put(tlsParts(first), { type: 'Opaque', labels: LABELLED });
  world.subscribe(CERTIFICATE);
  await world.untilState(CERTIFICATE, 'ready');
  world.put(tlsParts(first), { type: 'Opaque' });
  await world.untilState(CERTIFICATE, 'gone', /neither of type kubernetes.io\/tls nor labelled/);
});

const UNUSABLE: Readonly<Record<string, readonly [Parts, RegExp]>> = {
  'a pair that does not fit': [{ 'tls.crt': second.chain, 'tls.key': first.key }, /do not belong together/],
  'a certificate that has expired': [tlsParts(await issue(-hours(2), -hours(1))), /has expired at/],
  'no certificate': [{ 'tls.key': first.key }, /neither tls\.crt and tls\.key nor cert and key/],
  'an empty certificate': [{ 'tls.crt': '', 'tls.key': '' }, /neither tls\.crt and tls\.key nor cert and key/],
  'what is no PEM': [{ 'tls.crt': 'nonsense', 'tls.key': first.key }, /there is no block/],
};

for (const [what, [parts, why]] of Object.entries(UNUSABLE)) {
  test(`a Secret with ${what} is not served, and leaves the last good one in place, without a piece of a key in the log`, async () => {
    await using world = await GatewayWorld.watching();
    world.put(tlsParts(first));
    world.subscribe(CERTIFICATE);
    await world.untilState(CERTIFICATE, 'ready');
    world.put(parts);
    await world.untilState(CERTIFICATE, 'stale', why);
    assert.equal(chainOf(world.store.peek(CERTIFICATE)), first.chain);
    const shown = inspect([world.kubernetes.log.events, world.store.status(), world.store], {
      depth: 20,
      showHidden: true,
    });
    for (const line of first.key.split('\n').filter((text) => text.length > 20 && !text.startsWith('-'))) {
      assert.ok(!shown.includes(line.slice(0, 24)));
      assert.ok(!shown.includes(Buffer.from(line).toString('base64').slice(4, 24)));
    }
  });
}

test('a certificate that expires is not served any more, and its successor is', async () => {
  await using world = await GatewayWorld.watching();
  world.put(tlsParts(await issue(-hours(1), minutes(5))));
  world.subscribe(CERTIFICATE);
  await world.untilState(CERTIFICATE, 'ready');
  await world.kubernetes.clock.advance(minutes(6));
  assert.equal(world.store.peek(CERTIFICATE), undefined);
  assert.equal(world.stateOf(CERTIFICATE), 'stale');
  world.put(tlsParts(first));
  await world.untilState(CERTIFICATE, 'ready');
});

test('a Secret that nobody has asked for in a while is forgotten, one that was never there at once', async () => {
  await using world = await GatewayWorld.watching();
  world.put(tlsParts(first));
  const [good, missing] = [world.subscribe(CERTIFICATE), world.subscribe(ROOTS)];
  await world.untilState(CERTIFICATE, 'ready');
  missing[Symbol.dispose]();
  assert.equal(world.stateOf(ROOTS), undefined);
  good[Symbol.dispose]();
  await world.kubernetes.clock.advance(minutes(9));
  assert.equal(world.stateOf(CERTIFICATE), 'ready');
  await world.kubernetes.clock.advance(minutes(2));
  assert.equal(world.stateOf(CERTIFICATE), undefined);
});

test('while the API server is away what is known is served', async () => {
  await using world = await GatewayWorld.watching();
  world.put(tlsParts(first));
  world.subscribe(CERTIFICATE);
  await world.untilState(CERTIFICATE, 'ready');
  world.kubernetes.api.answer = () => ({ status: 500, body: {} });
  world.kubernetes.api.endWatches();
  await world.kubernetes.clock.advance(seconds(90));
  assert.equal(chainOf(world.store.peek(CERTIFICATE)), first.chain);
  assert.equal(world.stateOf(CERTIFICATE), 'ready');
});

test('without the right to read Secrets nothing is served, and the log names the rule that is missing', async () => {
  await using world = await GatewayWorld.start(({ api }) => api.forbidden.add('list secrets'));
  world.subscribe(CERTIFICATE);
  const complaint = (): unknown => world.kubernetes.log.events.find(({ level }) => level === 'warn')?.fields;
  await eventually('the log says so', () => complaint() !== undefined);
  assert.match(inspect(complaint()), /resources: \["secrets"\], verbs: \["list"\]/);
  assert.equal(world.store.peek(CERTIFICATE), undefined);
  assert.equal(world.stateOf(CERTIFICATE), 'wanted');
});
