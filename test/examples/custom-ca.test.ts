import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { AgentWorld, SecretStream } from '../agent-world.ts';

const run = promisify(execFile);
const REPOSITORY = join(import.meta.dirname, '../../..');

/** The example beside an installed package, as it is when somebody has copied it. */
async function copyExample(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'custom-ca-example-'));
  t.after(() => rm(directory, { recursive: true }));
  await cp(join(REPOSITORY, 'examples/custom-ca'), directory, { recursive: true });
  await mkdir(join(directory, 'node_modules'));
  await symlink(REPOSITORY, join(directory, 'node_modules/sds-node-agent'));
  return directory;
}

test('the examples of a CA module pass their own tests, which are the contract kit', {
  timeout: 120_000,
}, async (t) => {
  const directory = await copyExample(t);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await run('npm', ['test', '--', '--test-reporter=tap'], { cwd: directory, env }).catch((error) =>
    assert.fail(`${error.stdout}${error.stderr}`),
  );
  assert.match(stdout, /^# pass [2-9][0-9]$/m);
  assert.match(stdout, /^# skipped 0$/m);
});

test('an agent with the example serves what openssl has signed', { timeout: 60_000 }, async (t) => {
  const directory = await copyExample(t);
  const root = join(directory, 'root');
  await run(join(directory, 'make-root.sh'), [root]);
  await using world = await AgentWorld.start({
    env: {
      CA_PROVIDER: 'Openssl',
      CUSTOM_CA_MODULE: join(directory, 'openssl-ca.mjs'),
      CA_ADDR: root,
      TOKEN_VERIFIER: 'embedded',
    },
  });
  await using client = await world.connect();
  const stream = new SecretStream(client, await world.token(), ['default']);
  assert.equal((await stream.next()).resources.length, 1);
  const { ca, identities } = world.agent.status();
  assert.deepEqual(
    ca.map(({ provider, healthy }) => [provider, healthy]),
    [['Openssl', true]],
  );
  assert.equal(identities.length, 1);
});
