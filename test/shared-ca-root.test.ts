import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadEmbeddedProvider } from '../src/ca-providers/embedded/load-embedded-provider.ts';
import type { DiscoveryResponse } from '../src/gen/xds/discovery.ts';
import { Secret } from '../src/gen/xds/secret.ts';
import { type Certificate, isSignedBy, parseCertificate } from '../src/keys/certificate.ts';
import { parsePem } from '../src/keys/pem.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { AgentWorld, SecretStream } from './agent-world.ts';
import { CaWorld, splitChain, WEB } from './ca-world.ts';

const never = new AbortController().signal;

function secretOf(response: DiscoveryResponse): Secret {
  const [resource] = response.resources;
  assert.ok(resource);
  return Secret.decode(resource.value);
}

function rootsOf(response: DiscoveryResponse): Certificate[] {
  const pem = secretOf(response).validationContext?.trustedCa?.inlineBytes.toString() ?? '';
  return parsePem(pem, 'CERTIFICATE').map(parseCertificate);
}

/** The intermediate, which tells the root. */
function intermediateOf(response: DiscoveryResponse): Certificate {
  const pem = secretOf(response).tlsCertificate?.certificateChain?.inlineBytes.toString() ?? '';
  const [, intermediate] = parsePem(pem, 'CERTIFICATE').map(parseCertificate);
  assert.ok(intermediate);
  return intermediate;
}

test('an agent of a shared CA trusts its new root when it asks again, before anybody shows it', async () => {
  await using world = await CaWorld.start();
  const { stateDir } = world;
  await using agents = await AgentWorld.start({
    env: {
      ...{ CA_PROVIDER: 'Citadel', CA_ADDR: `localhost:${world.port('the CA serves')}` },
      ...{ CA_ROOT_CA: join(world.directory, 'root.pem'), TOKEN_VERIFIER: 'embedded', STATE_DIR: stateDir },
    },
  });
  await using client = await agents.connect();
  const token = await world.token();
  const certificate = new SecretStream(client, token, ['default']);
  const first = intermediateOf(await certificate.next());
  const bundle = new SecretStream(client, token, ['ROOTCA']);
  const [old, ...more] = rootsOf(await bundle.next());
  assert.ok(old);
  assert.equal(more.length, 0);
  assert.ok(isSignedBy(first, old));

  const ca = await loadEmbeddedProvider({ stateDir, trustDomain: 'cluster.local', clock: systemClock, log: world.log });
  const renew = () => agents.agent.rotate({ spiffeId: WEB }, AbortSignal.timeout(10_000));
  await ca.stageRoot(never);
  await untilTold(world, 2);
  await renew();
  const both = rootsOf(await bundle.next());
  assert.equal(both.length, 2);
  assert.ok(isSignedBy(intermediateOf(await certificate.next()), old));

  await ca.switchRoot(never);
  const signsAnew = async (): Promise<Certificate> => {
    await renew();
    return intermediateOf(await certificate.next());
  };
  let newest = await signsAnew();
  // The CA looks at its file once a second.
  while (isSignedBy(newest, old)) newest = await signsAnew();
  assert.ok(both.some((root) => isSignedBy(newest, root)));
});

/** Resolves once the CA server tells so many roots; it looks every ten seconds, a caller makes it look at once. */
async function untilTold(world: CaWorld, roots: number): Promise<void> {
  const client = await world.connect();
  let told = 0;
  await world.until(
    () => told === roots,
    async () => {
      told = splitChain((await world.ask(client)).chain).roots.length;
    },
  );
}
