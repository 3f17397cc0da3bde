import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceAccountId } from '../src/core/spiffe-id.ts';
import { Secret } from '../src/gen/xds/secret.ts';
import { isSignedBy, parseCertificate, sameBytes } from '../src/keys/certificate.ts';
import { parsePem } from '../src/keys/pem.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { AgentWorld, SecretStream } from './agent-world.ts';
import { CitadelCa } from './fakes/citadel-ca.ts';
import { VaultServer } from './fakes/vault-server.ts';
import { readServiceAccountToken } from './fakes/workload-tokens.ts';

const WEB = serviceAccountId('cluster.local', 'shop', 'web');

async function nextSecret(stream: SecretStream): Promise<Secret> {
  const [resource] = (await stream.next()).resources;
  assert.ok(resource);
  return Secret.decode(resource.value);
}

async function nextRoots(stream: SecretStream): Promise<readonly Uint8Array[]> {
  const { validationContext } = await nextSecret(stream);
  return parsePem(validationContext?.trustedCa?.inlineBytes.toString() ?? '', 'CERTIFICATE');
}

/** The two CAs, and what the agent has to know of them. */
async function startCas(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'agent-citadel-vault-'));
  const address = `unix:${join(directory, 'ca.sock')}`;
  const citadel = await CitadelCa.start({ address, identify: readServiceAccountToken });
  const vault = await VaultServer.start(systemClock);
  vault.identify = readServiceAccountToken;
  t.after(async () => {
    citadel.stop();
    await vault[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  const settings = vault.settings();
  const env = {
    CA_PROVIDER: 'Citadel,VaultCA',
    CA_ADDR: citadel.address,
    VAULT_ADDR: settings.address ?? '',
    VAULT_ROLE: settings.role ?? '',
    VAULT_SIGN_CSR_PATH: settings.signCsrPath ?? '',
    TOKEN_VERIFIER: 'embedded',
  };
  /** Which of them has signed the next certificate. */
  const nextSigner = async (stream: SecretStream): Promise<'Citadel' | 'Vault' | undefined> => {
    const { tlsCertificate } = await nextSecret(stream);
    const pem = tlsCertificate?.certificateChain?.inlineBytes.toString() ?? '';
    const [, intermediate = new Uint8Array()] = parsePem(pem, 'CERTIFICATE');
    const isOf = (root: Uint8Array): boolean => isSignedBy(parseCertificate(intermediate), parseCertificate(root));
    if (isOf(citadel.ca.rootDer)) return 'Citadel';
    return isOf(vault.ca.rootDer) ? 'Vault' : undefined;
  };
  return { citadel, vault, env, nextSigner };
}

test('Citadel signs, Vault while Citadel is down, then Citadel again; and every root is trusted before its first certificate', {
  timeout: 60_000,
}, async (t) => {
  const { citadel, vault, env, nextSigner } = await startCas(t);
  await using world = await AgentWorld.start({ env });
  await using client = await world.connect();
  const token = await world.token();
  const bundle = new SecretStream(client, token, ['ROOTCA']);
  // Citadel tells its root with a certificate only.
  const [first, ...none] = await nextRoots(bundle);
  assert.ok(first !== undefined && none.length === 0 && sameBytes(first, vault.ca.rootDer));

  const certificate = new SecretStream(client, token, ['default']);
  await world.until(() => world.agent.status().bundles[0]?.roots === 2);
  // The stream of the bundle has not said yet that it has taken it over.
  assert.equal(world.agent.status().identities[0]?.notAfterMs, undefined);
  const both = await nextRoots(bundle);
  assert.equal(both.length, 2);
  for (const { ca } of [citadel, vault]) assert.ok(both.some((root) => sameBytes(root, ca.rootDer)));
  assert.equal(await nextSigner(certificate), 'Citadel');
  const { bundles } = world.agent.status();

  const renew = async () => {
    await world.agent.rotate({ spiffeId: WEB }, AbortSignal.timeout(10_000));
    return await nextSigner(certificate);
  };
  citadel.stop();
  // Three failures in a row, and it is not asked first any more.
  for (let time = 0; time < 3; time++) assert.equal(await renew(), 'Vault');
  assert.deepEqual(
    world.agent.status().ca.map(({ provider, healthy }) => [provider, healthy]),
    [
      ['Citadel', false],
      ['VaultCA', true],
    ],
  );

  const isLogged = (text: string): boolean => world.log.events.some(({ message }) => message === text);
  assert.ok(isLogged('a CA fails again and again: the others are asked before it'));

  await citadel.listen();
  while ((await renew()) !== 'Citadel') await pause(100);
  assert.ok(isLogged('a CA is asked in its turn again'));
  assert.ok(world.agent.status().ca.every(({ healthy }) => healthy));
  // Nobody was told of any other bundle meanwhile.
  assert.deepEqual(world.agent.status().bundles, bundles);
});
