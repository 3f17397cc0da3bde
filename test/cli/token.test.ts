import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { token } from '../../src/cli/token.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { loadDevelopmentIssuer } from '../../src/identity/development-issuer.ts';
import { createJwksVerifier } from '../../src/identity/jwks-verifier.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const { signal } = new AbortController();
const stateDir = await mkdtemp(join(tmpdir(), 'token-command-'));
after(() => rm(stateDir, { recursive: true }));

const WEB = ['--namespace', 'shop', '--service-account', 'web'] as const;

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const written: string[] = [];
  const output = { write: (text: string) => written.push(text) };
  const stderr = { write: (text: string) => assert.fail(`stderr: ${text}`) };
  const status = await token.run(argv, { env: { STATE_DIR: stateDir, ...env }, stdout: output, stderr, signal });
  assert.equal(status, 0);
  return written.join('');
}

function claimsOf(text: string): { readonly iat: number; readonly exp: number; readonly aud: readonly string[] } {
  return JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString());
}

test('the token alone is printed, and an agent with the same state directory accepts it', async () => {
  const printed = await run(WEB);
  assert.match(printed, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const issuer = await loadDevelopmentIssuer({ stateDir, trustDomain: 'cluster.local', clock: systemClock });
  const { spiffeId } = await issuer.verifier(['istio-ca']).verify(new Redacted(printed.trim()), signal);
  assert.equal(spiffeId, 'spiffe://cluster.local/ns/shop/sa/web');
});

test('it is valid for twelve hours, or as long as asked for', async () => {
  for (const [argv, seconds] of [
    [WEB, 43_200],
    [[...WEB, '--ttl', '1h30m'], 5_400],
  ] as const) {
    const { iat, exp } = claimsOf(await run(argv));
    assert.equal(exp - iat, seconds);
  }
});

test('it is for the audiences of the settings, or for those asked for', async () => {
  assert.deepEqual(claimsOf(await run(WEB)).aud, ['istio-ca']);
  assert.deepEqual(claimsOf(await run(WEB, { TOKEN_AUDIENCES: 'a,b' })).aud, ['a', 'b']);
  assert.deepEqual(claimsOf(await run([...WEB, '--audience', 'vault'])).aud, ['vault']);
});

test('the public keys are printed for verifiers elsewhere, and never the private one', async () => {
  const printed = await run(['--jwks']);
  assert.doesNotMatch(printed, /"d"/);
  const keys = join(stateDir, 'keys.json');
  await writeFile(keys, printed);
  const expected = { trustDomain: 'cluster.local', audiences: ['istio-ca'], issuer: undefined };
  const jwks = { kind: 'file', path: keys } as const;
  const verifier = createJwksVerifier({
    jwks,
    expected,
    clock: systemClock,
    log: new RecordingLog(),
    lifetime: signal,
  });
  const { spiffeId } = await verifier.verify(new Redacted((await run(WEB)).trim()), signal);
  assert.equal(spiffeId, 'spiffe://cluster.local/ns/shop/sa/web');
});

for (const [argv, told] of [
  [[], /--namespace is missing.*--service-account is missing/s],
  [[...WEB, '--ttl', '1d'], /--ttl is "1d"; allowed is a duration/],
  [[...WEB, '--ttl=0s'], /--ttl is "0s"/],
  [[...WEB, '--audience='], /--audience is ""/],
  [['--namespace', 'a/sa/b', '--service-account', 'c'], /--namespace and --service-account are "a\/sa\/b" and "c"/],
  [[...WEB, '--servce-account', 'x'], /did you mean --service-account\?/],
  [[...WEB, '--secret-ttl', 'x'], /SECRET_TTL/],
] as const) {
  test(`token ${argv.join(' ')} is a usage error`, async () => {
    await assert.rejects(run(argv), { code: 'settings-invalid', message: told });
  });
}
