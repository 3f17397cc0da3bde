import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { parsePem } from '../../src/keys/pem.ts';
import { AgentWorld } from '../agent-world.ts';
import { PySpiffeProcess, WITHOUT_PY_SPIFFE } from './py-spiffe/py-spiffe-process.ts';

const WEB = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
const { uid } = userInfo();

function start(user: number, env: Readonly<Record<string, string>> = {}): Promise<AgentWorld> {
  return AgentWorld.start({
    env: { WORKLOAD_API_UIDS: `${user}=${WEB}`, ...env },
    places: (directory) => ({ WORKLOAD_API_UDS_PATH: socketIn(directory) }),
  });
}

const socketIn = (directory: string): string => join(directory, 'sds', 'workload.sock');

/** The serial of the leaf that the client described, or of the PEM that it said. */
function serialOf(said: unknown): string {
  const pem = typeof said === 'string' ? said : String(Reflect.get(Object(said), 'leaf'));
  const [der] = parsePem(pem, 'CERTIFICATE');
  assert.ok(der);
  return parseCertificate(der).serial;
}

describe('py-spiffe, as it is,', { skip: WITHOUT_PY_SPIFFE }, () => {
  for (const [kind, env] of [
    ['P-256', {}],
    ['RSA keys, kept as PKCS#1', { ECC_SIGNATURE_ALGORITHM: '', PKCS8_KEY: 'false' }],
  ] as const) {
    test(`gets SVIDs and bundles of both kinds, validates, and is refused what is not its own: ${kind}`, async () => {
      await using world = await start(uid, env);
      await using client = new PySpiffeProcess('client', socketIn(world.directory));
      const { x509 } = await client.next();
      assert.deepEqual(Object.assign({}, x509, { leaf: '' }), { id: WEB, chain: 2, ownKey: true, leaf: '' });
      assert.equal(serialOf(x509), world.agent.status().identities[0]?.serial);
      assert.deepEqual(await client.next(), { bundles: { 'cluster.local': 1 } });
      const { jwt, validated, otherAudience, otherSubject } = await client.next();
      assert.deepEqual([jwt, validated], [WEB, WEB]);
      assert.match(String(otherAudience), /StatusCode.INVALID_ARGUMENT/);
      assert.match(String(otherSubject), /StatusCode.PERMISSION_DENIED/);
    });
  }

  test('holds a source that is pushed a rotation', async () => {
    await using world = await start(uid);
    await using client = new PySpiffeProcess('watch', socketIn(world.directory));
    const { watching, jwt } = await client.next();
    assert.equal(jwt, WEB);
    await world.agent.rotate({ spiffeId: WEB }, AbortSignal.timeout(5000));
    const { rotated } = await client.next();
    assert.notEqual(serialOf(rotated), serialOf(watching));
    assert.equal(serialOf(rotated), world.agent.status().identities[0]?.serial);
  });

  test('is told PERMISSION_DENIED as a user that nobody knows', async () => {
    await using world = await start(uid + 1);
    await using client = new PySpiffeProcess('refused', socketIn(world.directory));
    const { refused } = await client.next();
    assert.match(String(refused), /StatusCode.PERMISSION_DENIED/);
  });
});
