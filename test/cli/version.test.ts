import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { version } from '../../src/cli/version.ts';

async function run(...argv: readonly string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (text: string) => written.push(text) };
  const { signal } = new AbortController();
  assert.equal(await version.run(argv, { env: {}, stdout: output, stderr: output, signal }), 0);
  return written.join('');
}

test('it names the versions of the package, of Node, of OpenSSL and of the protocols', async () => {
  const manifest = JSON.parse(await readFile('package.json', 'utf8'));
  const text = await run();
  assert.ok(text.startsWith(`sds-node-agent ${manifest.version}\n`), text);
  assert.ok(text.includes(process.versions.node));
  assert.ok(text.includes(process.versions.openssl));
  assert.match(text, /xDS +v3, v2 over gRPC/);
});

test('with --json it does so for programs', async () => {
  const versions = JSON.parse(await run('--json'));
  assert.equal(versions.node, process.versions.node);
  assert.deepEqual(versions.xds, ['v3', 'v2']);
});

test('it takes no other flag', async () => {
  await assert.rejects(run('--jsn'), { code: 'settings-invalid', message: /did you mean --json/ });
});
