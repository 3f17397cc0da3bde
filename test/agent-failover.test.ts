import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../src/gen/xds/secret.ts';
import { parseCertificate } from '../src/keys/certificate.ts';
import { parsePem } from '../src/keys/pem.ts';
import { AgentWorld, SecretStream } from './agent-world.ts';
import { FaultyModuleHands } from './fixtures/custom-ca/faulty-module-hands.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures/custom-ca');

async function nextSecret(stream: SecretStream): Promise<Secret> {
  const [resource] = (await stream.next()).resources;
  assert.ok(resource);
  return Secret.decode(resource.value);
}

/** `embedded` or `memory`: what the CA that has signed writes into its own name. */
async function nextSigner(stream: SecretStream): Promise<string | undefined> {
  const { tlsCertificate } = await nextSecret(stream);
  const pem = tlsCertificate?.certificateChain?.inlineBytes.toString() ?? '';
  const [leaf = new Uint8Array()] = parsePem(pem, 'CERTIFICATE');
  const issuer = Buffer.from(parseCertificate(leaf).issuerDer);
  return ['embedded', 'memory'].find((word) => issuer.includes(word));
}

function startWorld(module: string, address: string): Promise<AgentWorld> {
  const env = {
    CA_PROVIDER: 'Custom,Embedded',
    CUSTOM_CA_MODULE: join(FIXTURES, module),
    CA_ADDR: address,
    CA_TIMEOUT: '4s',
  };
  return AgentWorld.start({ env });
}

test('with two CAs the bundle has both roots, the second signs while the first is down, and status shows both', async (t) => {
  const address = `agent-failover-${process.pid}`;
  const hands = new FaultyModuleHands(address);
  t.after(() => hands.close());
  await using world = await startWorld('faulty-module.js', address);
  await using client = await world.connect();
  const bundles = new SecretStream(client, await world.token('web'), ['ROOTCA']);
  const nextRoots = async (): Promise<number> => {
    const { validationContext } = await nextSecret(bundles);
    return parsePem(validationContext?.trustedCa?.inlineBytes.toString() ?? '', 'CERTIFICATE').length;
  };
  // A module that takes more than two seconds to start, on a busy machine, is not waited for: its root is pushed then.
  const first = await nextRoots();
  assert.equal(first === 1 ? await nextRoots() : first, 2);
  assert.equal(await nextSigner(new SecretStream(client, await world.token('web'), ['default'])), 'memory');

  await hands.set('down');
  assert.equal(await nextSigner(new SecretStream(client, await world.token('api'), ['default'])), 'embedded');
  assert.deepEqual(
    world.agent.status().ca.map(({ provider, healthy }) => [provider, healthy]),
    [
      ['Faulty', false],
      ['Embedded', true],
    ],
  );
  const metrics = await (await fetch(`http://127.0.0.1:${world.port('monitoring listens')}/metrics`)).text();
  for (const [provider, result] of [
    ['Faulty', 'ok'],
    ['Faulty', 'ca-unavailable'],
    ['Embedded', 'ok'],
  ]) {
    assert.match(
      metrics,
      new RegExp(`ca_requests_total{provider="${provider}",operation="sign",result="${result}"} 1`),
    );
  }
  await assert.rejects(
    world.agent.rotateRoot(() => undefined, AbortSignal.timeout(1000)),
    { code: 'request-unimplemented', message: /CA_PROVIDER is Faulty,Embedded: .*Embedded is the only one/ },
  );
});

for (const kind of [
  'throws from a timer',
  'loops for ever',
  'ends the process',
  'never answers and does not hear the signal',
]) {
  test(`an agent whose module ${kind} lives on, and the next CA signs`, { timeout: 60_000 }, async () => {
    await using world = await startWorld('nonsense-module.js', kind);
    await using client = await world.connect();
    assert.equal(await nextSigner(new SecretStream(client, await world.token(), ['default'])), 'embedded');
    assert.ok(world.agent.status().ca[0]?.lastError !== undefined);
  });
}

test('a CA that is listed twice, under two names, is refused', async () => {
  const env = { CA_PROVIDER: 'Custom,Nonsense', CUSTOM_CA_MODULE: join(FIXTURES, 'nonsense-module.js') };
  await assert.rejects(AgentWorld.startAndStop({ env: { ...env, TOKEN_VERIFIER: 'embedded' } }), {
    code: 'settings-invalid',
    message: /lists Nonsense twice/,
  });
});
