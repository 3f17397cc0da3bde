import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import { envoyConfig } from '../../src/cli/envoy-config.ts';
import { WITHOUT_ENVOY } from '../envoy/harness/envoy-binary.ts';
import { validateConfiguration } from '../envoy/harness/validate-configuration.ts';

async function print(argv: readonly string[], env: Record<string, string> = {}): Promise<string> {
  let printed = '';
  const stdout = { write: (text: string) => (printed += text) };
  const signal = new AbortController().signal;
  assert.equal(await envoyConfig.run(argv, { env, stdout, stderr: stdout, signal }), 0);
  return printed;
}

/** Every way to ask for secrets, and every shape of the rest, at least once. */
const INVOCATIONS: readonly (readonly string[])[] = [
  [],
  ['--mode', 'google-grpc'],
  ['--mode', 'envoy-grpc'],
  ['--mode', 'delta'],
  ['--mode', 'delta', '--grpc-client', 'envoy-grpc'],
  ['--mode', 'rest'],
  ['--mode', 'ads'],
  ['--mode', 'ads', '--grpc-client', 'envoy-grpc'],
  ['--role', 'server', '--name', 'default', '--name', 'spiffe://cluster.local/ns/shop/sa/cart'],
  ['--role', 'client', '--upstream', 'cart.shop:8443', '--requests-per-connection', '100'],
  ['--spiffe-id', 'spiffe://cluster.local/ns/shop/sa/cart', '--spiffe-id', 'spiffe://cluster.local/ns/shop/sa/web'],
  ['--no-token'],
  ['--no-token', '--mode', 'envoy-grpc'],
  ['--no-token', '--mode', 'rest'],
  ['--listener-address', '::1', '--app', 'unix:/run/app.sock', '--admin-address', 'unix:/run/admin.sock'],
];

describe('envoy-config', () => {
  for (const mode of ['google-grpc', 'envoy-grpc', 'delta', 'rest', 'ads']) {
    it(`sends no token with --no-token, in mode ${mode}`, async () => {
      assert.match(await print(['--mode', mode, '--json']), /istio-token/);
      const printed = await print(['--mode', mode, '--no-token', '--json']);
      assert.doesNotMatch(printed, /token|credential_injector|call_credentials/);
    });
  }

  it('refuses --no-token together with a way to send one', async () => {
    for (const flags of [['--print-token-secret'], ['--token-secret-file', '/etc/envoy/token.json']]) {
      await assert.rejects(print(['--no-token', ...flags]), { code: 'settings-invalid', message: /--no-token/ });
    }
  });

  for (const argv of INVOCATIONS) {
    it(`prints the same document as YAML and as JSON: ${argv.join(' ') || 'no flags'}`, async () => {
      const yaml: unknown = parse(await print(argv));
      assert.deepEqual(yaml, JSON.parse(await print([...argv, '--json'])));
    });
  }

  it('asks with the socket and the trust domain of the agent that runs with the same environment', async () => {
    const printed = await print([], { SDS_UDS_PATH: '/run/other/sds', TRUST_DOMAIN: 'prod.example' });
    assert.match(printed, /target_uri: "unix:\/run\/other\/sds"/);
    assert.match(printed, /prefix: "spiffe:\/\/prod\.example\/"/);
  });

  it('accepts exactly the given peers, and no prefix', async () => {
    const printed = await print(['--spiffe-id', 'spiffe://cluster.local/ns/shop/sa/web']);
    assert.match(printed, /exact: "spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web"/);
    assert.doesNotMatch(printed, /prefix: "spiffe/);
  });

  it('never holds the token, only the path of its file', async () => {
    for (const mode of ['envoy-grpc', 'rest', 'google-grpc']) {
      const printed = await print(['--mode', mode, '--token-file', '/run/token']);
      assert.match(printed, /filename: \/run\/token\n/);
      assert.doesNotMatch(printed, /initial_metadata/);
    }
  });

  it('says which modes read the token once and which again', async () => {
    assert.match(await print(['--mode', 'google-grpc']), /^# .*read anew for each stream/m);
    assert.match(await print(['--mode', 'envoy-grpc']), /^# .*when Envoy starts and never again/m);
    assert.match(await print(['--mode', 'rest', '--token-secret-file', '/run/t.json']), /^# .*read again/m);
  });

  it('raises the limits that would stop an Envoy at 1,024 secrets', async () => {
    const printed = await print(['--mode', 'envoy-grpc']);
    for (const limit of ['max_connections', 'max_pending_requests', 'max_requests', 'max_concurrent_streams']) {
      assert.match(printed, new RegExp(`${limit}: 100000\\n`));
    }
  });

  it('writes the shared sds_config once, however many certificates there are', async () => {
    const names = Array.from({ length: 50 }, (_, index) => ['--name', `name-${index}`]).flat();
    const printed = await print(names);
    assert.equal(printed.match(/&sds_config/g)?.length, 1);
    assert.equal(printed.match(/google_grpc:/g)?.length, 1);
  });

  it('lists every fault at once, each with its flag and its value', async () => {
    const argv = [
      '--mode',
      'x',
      '--socket',
      'run/sds',
      '--admin-port',
      '99999',
      '--app',
      'nowhere',
      '--spiffe-id',
      'a',
    ];
    await assert.rejects(print(argv), (error: Error) => {
      for (const fault of [
        /--mode is "x"/,
        /--socket is "run\/sds"/,
        /99999/,
        /--app is "nowhere"/,
        /--spiffe-id: "a"/,
      ]) {
        assert.match(error.message, fault);
      }
      return true;
    });
  });

  it('refuses a flag that it does not know', async () => {
    await assert.rejects(print(['--tokn-file', '/run/token']), /--tokn-file/);
  });
});

describe('envoy-config with a real Envoy', { skip: WITHOUT_ENVOY }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'envoy-config-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const tokenFile = join(folder, 'token');
  const tokenSecretFile = join(folder, 'token-secret.json');
  writeFileSync(tokenFile, 'header.payload.signature');

  async function assertAccepted(argv: readonly string[]): Promise<void> {
    const file = join(folder, 'bootstrap.yaml');
    writeFileSync(file, await print([...argv, '--token-file', tokenFile]));
    const { accepted, said } = await validateConfiguration(file);
    assert.ok(accepted, said);
  }

  for (const argv of INVOCATIONS) {
    it(`is accepted: ${argv.join(' ') || 'no flags'}`, () => assertAccepted(argv));
  }

  it('is accepted with a token secret file that it has printed itself', async () => {
    writeFileSync(tokenSecretFile, await print(['--print-token-secret', '--json', '--token-file', tokenFile]));
    await assertAccepted(['--mode', 'envoy-grpc', '--token-secret-file', tokenSecretFile]);
  });

  it('is refused where it is wrong, so that the tests above can fail', async () => {
    await assert.rejects(assertAccepted(['--requests-per-connection', '1', '--bundle', '']));
  });
});
